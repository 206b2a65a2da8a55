"""Seven questions to a log, twice: as SQL over the events in Postgres, and as SQL over the tables of analytics.

Both give the same rows in the same order. `{who}` is a person who asks a lot. What a macro answers is asked of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from mnemolog.projections.accesses import READS

READING = ", ".join(f"'{kind}'" for kind in sorted(READS))


@dataclass(frozen=True, slots=True)
class Question:
    name: str
    postgres: str
    analytics: str


QUESTIONS = (
    Question(
        "events by day and kind",
        """
        SELECT (recorded_at AT TIME ZONE 'UTC')::date AS day, event_type, count(*)
        FROM mnemolog.event GROUP BY day, event_type ORDER BY day, event_type COLLATE "C"
        """,
        """
        SELECT utc(recorded_at)::DATE AS day, event_type, count(*)
        FROM event GROUP BY day, event_type ORDER BY day, event_type
        """,
    ),
    Question(
        "memories told most",
        f"""
        SELECT told::uuid::text AS memory_id, count(*) AS times
        FROM mnemolog.event, json_array_elements_text(payload->'memory_ids') told
        WHERE event_type = 'access.recorded.v1' AND payload->>'kind' IN ({READING})
        GROUP BY told ORDER BY times DESC, memory_id LIMIT 20
        """,
        """
        SELECT memory_id::VARCHAR AS memory_id, count(*) AS times
        FROM told() GROUP BY ALL ORDER BY times DESC, memory_id LIMIT 20
        """,
    ),
    Question(
        "pattern of one person",
        f"""
        SELECT told::uuid::text AS memory_id, payload->>'kind' AS kind,
               extract(hour FROM recorded_at AT TIME ZONE 'UTC')::int AS hour, count(*) AS times
        FROM mnemolog.event, json_array_elements_text(payload->'memory_ids') told
        WHERE event_type = 'access.recorded.v1' AND payload->>'kind' IN ({READING})
          AND (actor_id = '{{who}}' OR on_behalf_of = '{{who}}')
        GROUP BY 1, 2, 3 ORDER BY times DESC, 1, 2, 3 LIMIT 100
        """,
        "SELECT memory_id::VARCHAR, kind, hour, times FROM access_pattern('{who}') LIMIT 100",
    ),
    Question(
        "funnel with waiting times",
        """
        WITH steps AS (
            SELECT memory_id, position, recorded_at, split_part(event_type, '.', 2) AS step,
                   CASE WHEN split_part(event_type, '.', 2) IN ('thawed', 'restored', 'unmerged') THEN 'activated'
                        ELSE split_part(event_type, '.', 2) END AS state
            FROM mnemolog.event
            WHERE event_type IN ('memory.generated.v1', 'memory.activated.v1', 'memory.merged.v1', 'memory.archived.v1',
                'memory.frozen.v1', 'memory.thawed.v1', 'memory.restored.v1', 'memory.unmerged.v1',
                'memory.erased.v1')),
        walked AS (
            SELECT *, lag(state) OVER life AS from_state,
                   extract(epoch FROM recorded_at - lag(recorded_at) OVER life)::float8 AS waited
            FROM steps WINDOW life AS (PARTITION BY memory_id ORDER BY position))
        SELECT from_state, step, state, count(*) AS times, count(DISTINCT memory_id) AS memories,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY waited), percentile_cont(0.95) WITHIN GROUP (ORDER BY waited)
        FROM walked GROUP BY from_state, step, state ORDER BY times DESC, from_state NULLS LAST, step
        """,
        "FROM funnel()",
    ),
    Question(
        "refusals by code, kind and asker",
        """
        SELECT payload->>'code' AS code, payload->>'kind' AS kind, actor_id::text AS actor, count(*) AS times
        FROM mnemolog.event WHERE event_type = 'access.refused.v1'
        GROUP BY 1, 2, 3 ORDER BY times DESC, code, kind, actor
        """,
        """
        SELECT code, kind, actor_id::VARCHAR AS actor, sum(times)::BIGINT AS times
        FROM denials() GROUP BY ALL ORDER BY times DESC, code, kind, actor
        """,
    ),
    Question(
        "p95 lag by kind",
        """
        WITH delayed AS (
            SELECT regexp_replace(event_type, '\\.v\\d+$', '') AS kind,
                   extract(epoch FROM recorded_at - occurred_at)::float8 AS seconds
            FROM mnemolog.event)
        SELECT kind, count(*), count(*) FILTER (WHERE seconds > 86400),
               percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds),
               percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds), max(seconds)
        FROM delayed GROUP BY kind ORDER BY kind COLLATE "C"
        """,
        "FROM lag('kind')",
    ),
    Question(
        "p95 of memories considered, by day",
        """
        SELECT (recorded_at AT TIME ZONE 'UTC')::date AS day, count(*),
               percentile_cont(0.95) WITHIN GROUP (ORDER BY (payload->>'considered')::bigint)
        FROM mnemolog.event WHERE event_type = 'access.recorded.v1' AND payload->>'kind' = 'recall'
        GROUP BY day ORDER BY day
        """,
        """
        SELECT utc(recorded_at)::DATE AS day, count(*), quantile_cont(considered, 0.95)
        FROM access_recorded WHERE kind = 'recall' GROUP BY day ORDER BY day
        """,
    ),
)
