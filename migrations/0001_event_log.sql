-- The event log: one table, one function that writes it, and no other way in.

CREATE SCHEMA mnemolog;
CREATE SCHEMA mnemolog_keys;

-- Roles belong to the whole cluster, so another database may have made them already.
DO $$ BEGIN CREATE ROLE mnemolog_owner NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN CREATE ROLE mnemolog_app NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN EXECUTE format('GRANT mnemolog_owner, mnemolog_app TO %I', current_user);
EXCEPTION WHEN invalid_grant_operation OR insufficient_privilege THEN NULL; END $$;

CREATE TABLE mnemolog.event (
    position       bigint      NOT NULL,  -- gapless, in the order of commits
    stream_id      uuid        NOT NULL,
    version        bigint      NOT NULL,
    event_type     text        NOT NULL,
    schema_version smallint    NOT NULL,
    tenant_id      uuid        NOT NULL,
    cube_id        uuid,
    memory_id      uuid,
    actor_id       uuid,
    on_behalf_of   uuid,
    request_id     uuid,
    occurred_at    timestamptz NOT NULL,  -- when it was true in the world
    recorded_at    timestamptz NOT NULL,  -- when the store learned it; never decreases
    payload        json,                  -- json and not jsonb: its bytes are what the leaf hashes
    sealed         bytea,                 -- the personal part, under the content key `key_id`
    key_id         uuid,
    leaf           bytea       NOT NULL,  -- RFC 6962 leaf hash of the whole envelope
    chain          bytea,                 -- on the last row of each append: binds all before it
    CONSTRAINT event_position PRIMARY KEY (position),
    CONSTRAINT event_stream UNIQUE (stream_id, version),
    CONSTRAINT event_body CHECK (payload IS NOT NULL OR sealed IS NOT NULL)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);

CREATE INDEX event_cube ON mnemolog.event (cube_id, position) WHERE cube_id IS NOT NULL;
CREATE INDEX event_recorded ON mnemolog.event USING brin (recorded_at);

CREATE TABLE mnemolog.request (
    tenant_id       uuid        NOT NULL,
    idempotency_key uuid        NOT NULL,
    request_sha256  bytea       NOT NULL,
    first_position  bigint      NOT NULL,
    last_position   bigint      NOT NULL,
    recorded_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, idempotency_key)
);

-- Keys live outside the log and outside its backups: destroying a row erases what it opened.
CREATE TABLE mnemolog_keys.subject_key (
    subject_id uuid        NOT NULL PRIMARY KEY,
    tenant_id  uuid        NOT NULL,
    wrapped    bytea       NOT NULL,     -- under the key-encryption key
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE mnemolog_keys.content_key (
    key_id      uuid        NOT NULL PRIMARY KEY,
    subject_ids uuid[]      NOT NULL,    -- wrapped under the key of each in turn: losing any one of them loses it
    wrapped     bytea       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Which key-encryption key wrapped all of these, by a check value that says nothing about it.
CREATE TABLE mnemolog_keys.key_encryption_key (
    check_value text        NOT NULL PRIMARY KEY,
    since       timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- How far each view that lives in this database has come.
CREATE TABLE mnemolog.view_position (
    view       text        NOT NULL PRIMARY KEY,
    version    integer     NOT NULL,
    position   bigint      NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION mnemolog.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event log is append-only: % on % is refused', tg_op, tg_table_name USING ERRCODE = '42501';
END $$;

CREATE TRIGGER event_is_immutable BEFORE UPDATE OR DELETE ON mnemolog.event
    FOR EACH ROW EXECUTE FUNCTION mnemolog.refuse_change();
CREATE TRIGGER event_is_kept BEFORE TRUNCATE ON mnemolog.event
    FOR EACH STATEMENT EXECUTE FUNCTION mnemolog.refuse_change();
ALTER TABLE mnemolog.event ENABLE ALWAYS TRIGGER event_is_immutable;
ALTER TABLE mnemolog.event ENABLE ALWAYS TRIGGER event_is_kept;

-- Does an event of the log after `bound` match the condition? `condition` is {types, streams, tenant, cube}, each optional.
CREATE FUNCTION mnemolog.has_event_after(bound bigint, condition jsonb) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM mnemolog.event e
        WHERE e.position > bound
          AND (NOT condition ? 'types'   OR condition->'types' ? e.event_type)
          AND (NOT condition ? 'streams' OR condition->'streams' ? e.stream_id::text)
          AND (NOT condition ? 'tenant'  OR e.tenant_id = (condition->>'tenant')::uuid)
          AND (NOT condition ? 'cube'    OR e.cube_id = (condition->>'cube')::uuid))
$$;

-- Append the events of one or many requests in one transaction. All or none of a request's events are written; a request
-- that is refused leaves its neighbours alone. One row per request comes back: `outcome` is
--   appended | replayed        positions `first_position..last_position`
--   version_conflict | condition_failed | key_reused
--   repeated                   it depends on what becomes of an earlier request of this call: ask again for this one
-- The outcomes are those of the requests one after the other, in their order, those that are asked again at the end.
-- With `resolving`, a request whose every event is already there byte for byte was committed by a call whose answer was
-- lost: it is `replayed`, so that a retry never fails and never writes twice.
CREATE FUNCTION mnemolog.append(
    requests int[], stream_ids uuid[], versions bigint[], event_types text[], schema_versions smallint[],
    tenant_ids uuid[], cube_ids uuid[], memory_ids uuid[], actor_ids uuid[], on_behalf_of uuid[], request_ids uuid[],
    occurred_at timestamptz[], payloads bytea[], sealed bytea[], key_ids uuid[], leaves bytea[],
    key_requests int[], new_key_ids uuid[], key_subjects text[], wrapped_keys bytea[],
    idempotent_requests int[], idempotency_tenants uuid[], idempotency_keys uuid[], request_sha256s bytea[],
    conditions jsonb, resolving boolean
) RETURNS TABLE (request int, outcome text, first_position bigint, last_position bigint)
-- Every look-up below has an index: the statistics of a young log must not talk the planner into reading all of it, nor
-- the length of an array into planning each statement anew.
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    head bigint; previous bytea; link bytea; moment timestamptz; before timestamptz; total bigint;
    skip int[] := '{}'; conflicting int[]; written int[]; verdict text; firsts bigint[]; lasts bigint[];
    places bigint[];  -- of each event among those that are written; NULL for one that is left out
    condition jsonb; again boolean := true;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'append needs READ COMMITTED: an older snapshot cannot see the last position';
    END IF;
    -- A statement of its own, so that the next one sees what the last holder of the lock committed.
    PERFORM pg_advisory_xact_lock(7105809, 1);
    SELECT e.position, e.chain, e.recorded_at INTO head, previous, before FROM mnemolog.event e ORDER BY e.position DESC LIMIT 1;
    head := coalesce(head, 0);
    moment := greatest(clock_timestamp(), before);

    IF cardinality(idempotent_requests) > 0 THEN
        RETURN QUERY
            SELECT u.r, CASE WHEN q.request_sha256 = u.s THEN 'replayed' ELSE 'key_reused' END, q.first_position, q.last_position
            FROM unnest(idempotent_requests, idempotency_tenants, idempotency_keys, request_sha256s) u(r, t, k, s)
            JOIN mnemolog.request q ON q.tenant_id = u.t AND q.idempotency_key = u.k;
        SELECT coalesce(array_agg(u.r), '{}') INTO skip
            FROM unnest(idempotent_requests, idempotency_tenants, idempotency_keys) u(r, t, k)
            JOIN mnemolog.request q ON q.tenant_id = u.t AND q.idempotency_key = u.k;
        SELECT coalesce(array_agg(w.r), '{}') INTO conflicting
            FROM (SELECT u.r, row_number() OVER (PARTITION BY u.t, u.k ORDER BY u.r) AS nth
                  FROM unnest(idempotent_requests, idempotency_tenants, idempotency_keys) u(r, t, k)
                  WHERE NOT u.r = ANY (skip)) w WHERE w.nth > 1;
        RETURN QUERY SELECT r, 'repeated', NULL::bigint, NULL::bigint FROM unnest(conflicting) r;
        skip := skip || conflicting;
    END IF;

    -- Before the conditions, which the events of the lost call would fail themselves.
    IF resolving THEN
        SELECT array_agg(c.r), array_agg(c.f), array_agg(c.l) INTO conflicting, firsts, lasts
            FROM (SELECT u.r, min(e.position) AS f, max(e.position) AS l
                  FROM unnest(requests, stream_ids, versions, leaves) u(r, st, ve, le)
                  LEFT JOIN mnemolog.event e ON e.stream_id = u.st AND e.version = u.ve
                  WHERE NOT u.r = ANY (skip) GROUP BY u.r HAVING bool_and(e.leaf IS NOT DISTINCT FROM u.le)) c;
        RETURN QUERY SELECT c.r, 'replayed', c.f, c.l FROM unnest(conflicting, firsts, lasts) c(r, f, l);
        skip := skip || coalesce(conflicting, '{}');
    END IF;

    FOR condition IN SELECT c FROM jsonb_array_elements(conditions) c LOOP
        CONTINUE WHEN (condition->>'request')::int = ANY (skip);
        IF mnemolog.has_event_after((condition->>'after')::bigint, condition) THEN
            skip := skip || (condition->>'request')::int;
            RETURN QUERY SELECT (condition->>'request')::int, 'condition_failed', NULL::bigint, NULL::bigint;
        -- An event of an earlier request of this very call comes after every position that could have been decided at.
        ELSIF EXISTS (
            SELECT FROM unnest(requests, event_types, stream_ids, tenant_ids, cube_ids) u(r, ty, st, te, cu)
            WHERE u.r < (condition->>'request')::int AND NOT u.r = ANY (skip)
              AND (NOT condition ? 'types'   OR condition->'types' ? u.ty)
              AND (NOT condition ? 'streams' OR condition->'streams' ? u.st::text)
              AND (NOT condition ? 'tenant'  OR u.te = (condition->>'tenant')::uuid)
              AND (NOT condition ? 'cube'    OR u.cu = (condition->>'cube')::uuid))
        THEN
            skip := skip || (condition->>'request')::int;
            RETURN QUERY SELECT (condition->>'request')::int, 'repeated', NULL::bigint, NULL::bigint;
        END IF;
    END LOOP;

    -- Conflicts are rare: insert first, and only when the unique index objects find out whose fault it is. Under the lock
    -- nobody else writes, so every round leaves out at least one request and the last one succeeds.
    WHILE again LOOP
        again := false;
        places := ARRAY(SELECT CASE WHEN u.kept THEN count(*) FILTER (WHERE u.kept) OVER (ORDER BY u.o) END
                        FROM (SELECT o, NOT r = ANY (skip) AS kept FROM unnest(requests) WITH ORDINALITY v(r, o)) u
                        ORDER BY u.o);
        -- Several unnest in one SELECT advance in step and keep the order of the arrays: nothing is joined or sorted.
        SELECT count(*), sha256(coalesce(previous, '') || int8send(head + 1)
                   || int8send((extract(epoch FROM moment) * 1000000)::bigint) || string_agg(u.l, ''))
            INTO total, link
            FROM (SELECT unnest(places) AS n, unnest(leaves) AS l) u WHERE u.n IS NOT NULL;
        EXIT WHEN total = 0;
        BEGIN
            INSERT INTO mnemolog.event
            SELECT head + n, st, ve, ty, sv, te, cu, me, ac, ob, rq, oc, moment, convert_from(pa, 'UTF8')::json, se, ke, le,
                   CASE WHEN n = total THEN link END
            FROM (SELECT unnest(places) AS n, unnest(stream_ids) AS st, unnest(versions) AS ve, unnest(event_types) AS ty,
                         unnest(schema_versions) AS sv, unnest(tenant_ids) AS te, unnest(cube_ids) AS cu,
                         unnest(memory_ids) AS me, unnest(actor_ids) AS ac, unnest(on_behalf_of) AS ob,
                         unnest(request_ids) AS rq, unnest(occurred_at) AS oc, unnest(payloads) AS pa,
                         unnest(sealed) AS se, unnest(key_ids) AS ke, unnest(leaves) AS le) event
            WHERE n IS NOT NULL;
        EXCEPTION WHEN unique_violation THEN
            again := true;
            verdict := 'version_conflict';
            SELECT array_agg(DISTINCT u.r) INTO conflicting FROM unnest(requests, stream_ids, versions) u(r, st, ve)
                JOIN mnemolog.event e ON e.stream_id = u.st AND e.version = u.ve WHERE NOT u.r = ANY (skip);
            IF conflicting IS NULL THEN  -- one request writes the same version twice
                SELECT array_agg(DISTINCT w.r) INTO conflicting
                    FROM (SELECT u.r FROM unnest(requests, stream_ids, versions) u(r, st, ve)
                          WHERE NOT u.r = ANY (skip) GROUP BY u.r, u.st, u.ve HAVING count(*) > 1) w;
            END IF;
            IF conflicting IS NULL THEN  -- two requests of this call do: the first one wins
                verdict := 'repeated';
                SELECT array_agg(DISTINCT w.r) INTO conflicting
                    FROM (SELECT u.r, row_number() OVER (PARTITION BY u.st, u.ve ORDER BY u.o) AS nth
                          FROM unnest(requests, stream_ids, versions) WITH ORDINALITY u(r, st, ve, o)
                          WHERE NOT u.r = ANY (skip)) w WHERE w.nth > 1;
            END IF;
            IF conflicting IS NULL THEN RAISE; END IF;
            RETURN QUERY SELECT r, verdict, NULL::bigint, NULL::bigint FROM unnest(conflicting) r;
            skip := skip || conflicting;
        END;
    END LOOP;
    IF total = 0 THEN RETURN; END IF;

    IF cardinality(new_key_ids) > 0 THEN
        INSERT INTO mnemolog_keys.content_key (key_id, subject_ids, wrapped)
            SELECT u.k, u.s::uuid[], u.w FROM unnest(key_requests, new_key_ids, key_subjects, wrapped_keys) u(r, k, s, w)
            WHERE NOT u.r = ANY (skip);
    END IF;
    SELECT array_agg(w.r), array_agg(w.first), array_agg(w.last) INTO written, firsts, lasts
        FROM (SELECT u.r, head + min(u.n) AS first, head + max(u.n) AS last
              FROM (SELECT unnest(requests) AS r, unnest(places) AS n) u WHERE u.n IS NOT NULL GROUP BY u.r) w;
    RETURN QUERY SELECT w.r, 'appended', w.f, w.l FROM unnest(written, firsts, lasts) w(r, f, l);
    IF cardinality(idempotent_requests) > 0 THEN
        INSERT INTO mnemolog.request
            SELECT u.t, u.k, u.s, w.f, w.l, moment
            FROM unnest(idempotent_requests, idempotency_tenants, idempotency_keys, request_sha256s) u(r, t, k, s)
            JOIN unnest(written, firsts, lasts) w(r, f, l) USING (r);
    END IF;
    PERFORM pg_notify('mnemolog_event', (head + total)::text);
END $$;

ALTER SCHEMA mnemolog OWNER TO mnemolog_owner;
ALTER SCHEMA mnemolog_keys OWNER TO mnemolog_owner;
ALTER TABLE mnemolog.event OWNER TO mnemolog_owner;
ALTER TABLE mnemolog.request OWNER TO mnemolog_owner;
ALTER TABLE mnemolog.view_position OWNER TO mnemolog_owner;
ALTER TABLE mnemolog_keys.subject_key OWNER TO mnemolog_owner;
ALTER TABLE mnemolog_keys.content_key OWNER TO mnemolog_owner;
ALTER TABLE mnemolog_keys.key_encryption_key OWNER TO mnemolog_owner;
ALTER FUNCTION mnemolog.refuse_change() OWNER TO mnemolog_owner;
ALTER FUNCTION mnemolog.has_event_after(bigint, jsonb) OWNER TO mnemolog_owner;
DO $$ BEGIN EXECUTE format('ALTER FUNCTION %s OWNER TO mnemolog_owner', 'mnemolog.append'::regproc::regprocedure); END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mnemolog FROM public;
GRANT USAGE ON SCHEMA mnemolog, mnemolog_keys TO mnemolog_app;
GRANT SELECT ON mnemolog.event, mnemolog.request TO mnemolog_app;
GRANT SELECT, INSERT, UPDATE ON mnemolog.view_position TO mnemolog_app;
GRANT SELECT, INSERT ON mnemolog_keys.subject_key, mnemolog_keys.key_encryption_key TO mnemolog_app;
GRANT SELECT ON mnemolog_keys.content_key TO mnemolog_app;
GRANT EXECUTE ON FUNCTION mnemolog.append TO mnemolog_app;
