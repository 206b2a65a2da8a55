-- utc --
-- A moment as a timestamp in UTC, of which a date or an hour is taken ten times as fast.
CREATE TEMP MACRO utc(moment) AS make_timestamp(epoch_us(moment))

-- memory_history --
-- All that happened to a memory, in order.
CREATE TEMP MACRO memory_history(memory) AS TABLE
SELECT position, recorded_at, occurred_at, event_type, version, actor_id, on_behalf_of, payload
FROM event WHERE memory_id = memory::UUID
ORDER BY position

-- as_of --
-- The events up to a position.
CREATE TEMP MACRO as_of(upto) AS TABLE
SELECT * FROM event WHERE position <= upto
ORDER BY position

-- steps --
-- Each step in the life of each memory, with the state that it led to.
CREATE TEMP MACRO steps() AS TABLE
SELECT * FROM (
    SELECT memory_id, cube_id, actor_id, position, recorded_at, 'generated' AS step, 'generated' AS state FROM memory_generated
    UNION ALL SELECT memory_id, cube_id, actor_id, position, recorded_at, 'activated', 'activated' FROM memory_activated
    UNION ALL SELECT memory_id, cube_id, actor_id, position, recorded_at, 'merged', 'merged' FROM memory_merged
    UNION ALL SELECT memory_id, cube_id, actor_id, position, recorded_at, 'archived', 'archived' FROM memory_archived
    UNION ALL SELECT memory_id, cube_id, actor_id, position, recorded_at, 'frozen', 'frozen' FROM memory_frozen
    UNION ALL SELECT memory_id, cube_id, actor_id, position, recorded_at, 'thawed', 'activated' FROM memory_thawed
    UNION ALL SELECT memory_id, cube_id, actor_id, position, recorded_at, 'restored', 'activated' FROM memory_restored
    UNION ALL SELECT memory_id, cube_id, actor_id, position, recorded_at, 'unmerged', 'activated' FROM memory_unmerged
    UNION ALL SELECT memory_id, cube_id, actor_id, position, recorded_at, 'erased', 'erased' FROM memory_erased)

-- memories --
-- Each memory: when it was stored, the state it is in and since when, when it expires, and whether a legal hold binds it.
CREATE TEMP MACRO memories() AS TABLE
WITH life AS (
    SELECT memory_id, any_value(cube_id) AS cube_id, min(recorded_at) AS generated_at,
           arg_max(state, position) AS state, arg_max(recorded_at, position) AS since
    FROM steps() GROUP BY memory_id),
expiry AS (
    SELECT memory_id, arg_max_null(expires_at, position) AS expires_at
    FROM (SELECT memory_id, position, expires_at FROM memory_generated
          UNION ALL SELECT memory_id, position, expires_at FROM memory_retention_set)
    GROUP BY memory_id),
hold AS (SELECT memory_id, arg_max(legal_hold, position) AS legal_hold FROM memory_frozen GROUP BY memory_id)
SELECT memory_id, cube_id, generated_at, state, since, expires_at,
       state = 'frozen' AND coalesce(legal_hold, false) AS legal_hold
FROM life LEFT JOIN expiry USING (memory_id) LEFT JOIN hold USING (memory_id)
ORDER BY memory_id

-- told --
-- Each memory of each answer: whom it was told to, how, when, and whether with its text.
CREATE TEMP MACRO told() AS TABLE
SELECT position, recorded_at, kind, actor_id, on_behalf_of, session_id, purpose,
       unnest(memory_ids) AS memory_id, unnest(text_positions) > 0 AS with_text
FROM access_recorded
WHERE kind IN ({reads})

-- access_pattern --
-- Which memories somebody was told of, or an agent on their behalf: how often, how, and at which hours (UTC).
CREATE TEMP MACRO access_pattern(who) AS TABLE
SELECT memory_id, kind, hour(utc(recorded_at)) AS hour, count(*) AS times,
       min(recorded_at) AS first_at, max(recorded_at) AS last_at
FROM told() WHERE actor_id = who::UUID OR on_behalf_of = who::UUID
GROUP BY ALL
ORDER BY times DESC, memory_id, kind, hour

-- decisions --
-- What somebody was told or refused: by whom, of which memory, in which session, for which purpose; NULL asks for all.
CREATE TEMP MACRO decisions(who := NULL, memory := NULL, session := NULL, what_for := NULL) AS TABLE
SELECT * FROM (
    SELECT position, recorded_at, 'told' AS outcome, kind, NULL::VARCHAR AS code, actor_id, on_behalf_of, session_id,
           purpose, unnest(CASE WHEN len(memory_ids) = 0 THEN [NULL::UUID] ELSE memory_ids END) AS memory_id, permitted_at
    FROM access_recorded
    UNION ALL
    SELECT position, recorded_at, 'refused', kind, code, actor_id, on_behalf_of, session_id, purpose, target_id, NULL
    FROM access_refused)
WHERE (who IS NULL OR actor_id = who::UUID OR on_behalf_of = who::UUID)
  AND (memory IS NULL OR memory_id = memory::UUID)
  AND (session IS NULL OR session_id = session::UUID)
  AND (what_for IS NULL OR purpose = what_for)
ORDER BY position, memory_id

-- merges --
-- What was merged into a memory, and what into that (depth 1, 2, ...), and what it was merged into itself (-1, -2, ...).
CREATE TEMP MACRO merges(memory) AS TABLE
WITH RECURSIVE edge AS (
    SELECT m.memory_id, m."into" AS into_id, m.position, m.recorded_at AS merged_at, min(u.recorded_at) AS undone_at
    FROM memory_merged m
    LEFT JOIN memory_unmerged u ON u.memory_id = m.memory_id AND u.position > m.position
    GROUP BY ALL),
below AS (
    SELECT edge.*, 1 AS depth FROM edge WHERE into_id = memory::UUID
    UNION ALL
    SELECT edge.*, below.depth + 1 FROM edge JOIN below ON edge.into_id = below.memory_id
    WHERE edge.position < below.position),
above AS (
    SELECT edge.*, -1 AS depth FROM edge WHERE memory_id = memory::UUID
    UNION ALL
    SELECT edge.*, above.depth - 1 FROM edge JOIN above ON edge.memory_id = above.into_id
    WHERE edge.position > above.position)
SELECT DISTINCT depth, memory_id, into_id, position, merged_at, undone_at
FROM (FROM below UNION ALL FROM above)
ORDER BY depth, position

-- ttl_expiring --
-- The memories in use that expire within some hours after a moment.
CREATE TEMP MACRO ttl_expiring(hours, moment) AS TABLE
SELECT memory_id, cube_id, state, legal_hold, expires_at,
       (epoch_us(expires_at) - epoch_us(moment::TIMESTAMPTZ)) / 3.6e9 AS hours_left
FROM memories()
WHERE state IN ('generated', 'activated', 'frozen')
  AND expires_at > moment::TIMESTAMPTZ AND expires_at <= moment::TIMESTAMPTZ + to_hours(hours)
ORDER BY expires_at, memory_id

-- activity --
-- Events after a moment, by day (UTC) and kind, with how many wrote them, and how many wrote anything that day.
CREATE TEMP MACRO activity(since := NULL) AS TABLE
WITH named AS (SELECT DISTINCT event_type, regexp_replace(event_type, '\.v\d+$', '') AS kind FROM event),
written AS (
    SELECT utc(recorded_at)::DATE AS day, kind, actor_id
    FROM event JOIN named USING (event_type) WHERE since IS NULL OR recorded_at > since::TIMESTAMPTZ),
daily AS (SELECT day, count(DISTINCT actor_id) AS writers_that_day FROM written GROUP BY day)
SELECT day, kind, count(*) AS events, count(DISTINCT actor_id) AS writers, any_value(writers_that_day) AS writers_that_day
FROM written JOIN daily USING (day)
GROUP BY day, kind
ORDER BY day, kind

-- access --
-- What was told after a moment: by person (on whose behalf, else who asked), by memory, and by hour of the day (UTC).
CREATE TEMP MACRO access(since := NULL) AS TABLE
WITH telling AS (
    SELECT position, recorded_at, memory_id, coalesce(on_behalf_of, actor_id)::VARCHAR AS person,
           lpad(hour(utc(recorded_at))::VARCHAR, 2, '0') AS hour
    FROM told() WHERE since IS NULL OR recorded_at > since::TIMESTAMPTZ)
SELECT CASE WHEN grouping(hour) = 0 THEN 'hour' WHEN grouping(memory_id) = 0 THEN 'memory' ELSE 'person' END AS per,
       coalesce(hour, memory_id::VARCHAR, person) AS which, count(DISTINCT position) AS answers, count(*) AS told,
       count(DISTINCT memory_id) AS memories, count(DISTINCT person) AS persons, max(recorded_at) AS last_at
FROM telling
GROUP BY GROUPING SETS ((person), (memory_id), (hour))
ORDER BY per, CASE WHEN per = 'hour' THEN 0 ELSE -told END, which

-- funnel --
-- Each way between two states after a moment: how often it was gone, by how many memories, and how long they had waited.
CREATE TEMP MACRO funnel(since := NULL) AS TABLE
WITH walked AS (
    SELECT *, lag(state) OVER life AS from_state, (epoch_us(recorded_at) - lag(epoch_us(recorded_at)) OVER life) / 1e6 AS waited
    FROM steps() WINDOW life AS (PARTITION BY memory_id ORDER BY position))
SELECT from_state, step, state AS to_state, count(*) AS times, count(DISTINCT memory_id) AS memories,
       quantile_cont(waited, 0.5) AS median_seconds, quantile_cont(waited, 0.95) AS p95_seconds
FROM walked WHERE since IS NULL OR recorded_at > since::TIMESTAMPTZ
GROUP BY ALL
ORDER BY times DESC, from_state, step

-- denials --
-- What was refused after a moment, by day (UTC), code, kind of request and who asked.
CREATE TEMP MACRO denials(since := NULL) AS TABLE
SELECT utc(recorded_at)::DATE AS day, code, kind, actor_id, on_behalf_of, count(*) AS times,
       min(recorded_at) AS first_at, max(recorded_at) AS last_at
FROM access_refused WHERE since IS NULL OR recorded_at > since::TIMESTAMPTZ
GROUP BY ALL
ORDER BY day, times DESC, code, kind, actor_id, on_behalf_of

-- lag --
-- How long after it was true an event was recorded, in seconds, per kind, day (UTC), cube or actor; `late` is over a day.
CREATE TEMP MACRO lag(per, since := NULL, of_kind := NULL) AS TABLE
WITH named AS (SELECT DISTINCT event_type, regexp_replace(event_type, '\.v\d+$', '') AS kind FROM event),
delayed AS (
    SELECT CASE per WHEN 'kind' THEN kind
                    WHEN 'day' THEN utc(recorded_at)::DATE::VARCHAR
                    WHEN 'cube' THEN cube_id::VARCHAR
                    WHEN 'actor' THEN actor_id::VARCHAR
                    ELSE error('lag is per kind, day, cube or actor') END AS which,
           (epoch_us(recorded_at) - epoch_us(occurred_at)) / 1e6 AS seconds
    FROM event JOIN named USING (event_type)
    WHERE (since IS NULL OR recorded_at > since::TIMESTAMPTZ)
      AND (of_kind IS NULL OR kind = of_kind))
SELECT which, count(*) AS events, count(*) FILTER (seconds > 86400) AS late, quantile_cont(seconds, 0.5) AS p50_seconds,
       quantile_cont(seconds, 0.95) AS p95_seconds, max(seconds) AS max_seconds
FROM delayed GROUP BY which
ORDER BY which

-- retention --
-- At a moment: memories in use by age and by when they expire, those that are held, and what was erased.
CREATE TEMP MACRO retention(moment) AS TABLE
WITH live AS (
    SELECT generated_at, expires_at, moment::TIMESTAMPTZ AS now
    FROM memories() WHERE state IN ('generated', 'activated', 'frozen')),
counted AS (
    SELECT CASE WHEN generated_at > now - to_hours(24) THEN 1 WHEN generated_at > now - to_hours(7 * 24) THEN 2
                WHEN generated_at > now - to_hours(30 * 24) THEN 3 WHEN generated_at > now - to_hours(90 * 24) THEN 4
                WHEN generated_at > now - to_hours(365 * 24) THEN 5 ELSE 6 END AS place FROM live
    UNION ALL
    SELECT CASE WHEN expires_at IS NULL THEN 12 WHEN expires_at <= now THEN 7
                WHEN expires_at <= now + to_hours(24) THEN 8 WHEN expires_at <= now + to_hours(7 * 24) THEN 9
                WHEN expires_at <= now + to_hours(30 * 24) THEN 10 ELSE 11 END FROM live
    UNION ALL SELECT 13 FROM memories() WHERE legal_hold
    UNION ALL SELECT 14 FROM memories() WHERE state = 'erased'
    UNION ALL SELECT 15 FROM erasure_begun
    UNION ALL SELECT 16 FROM erasure_completed)
SELECT per, which, count(counted.place) AS count
FROM (VALUES (1, 'age', 'under 1 day'), (2, 'age', '1 to 7 days'), (3, 'age', '7 to 30 days'), (4, 'age', '30 to 90 days'),
             (5, 'age', '90 to 365 days'), (6, 'age', 'a year or more'),
             (7, 'expires', 'overdue'), (8, 'expires', 'within 1 day'), (9, 'expires', 'in 1 to 7 days'),
             (10, 'expires', 'in 7 to 30 days'), (11, 'expires', 'later'), (12, 'expires', 'never'),
             (13, 'duty', 'memories under legal hold'), (14, 'duty', 'memories erased'),
             (15, 'duty', 'erasures begun'), (16, 'duty', 'erasures completed')) AS bucket(place, per, which)
LEFT JOIN counted USING (place)
GROUP BY bucket.place, per, which
ORDER BY bucket.place
