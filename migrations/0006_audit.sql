-- Who did, saw and was refused what: a view of the whole log, to be asked by actor, memory, cube and session.

-- One row for each event. Ids only: what somebody asked or was told stays in the log, sealed.
CREATE TABLE mnemolog.access (
    position     bigint      NOT NULL PRIMARY KEY,
    tenant_id    uuid        NOT NULL,
    kind         text        NOT NULL,   -- of an answer or a refusal, what was asked for; else the type of the event
    code         text,                   -- of a refusal
    actor_id     uuid,
    on_behalf_of uuid,
    session_id   uuid,
    cube_ids     uuid[]      NOT NULL,
    memory_ids   uuid[]      NOT NULL,
    involved     uuid[]      NOT NULL,   -- who acted, for whom, and who owns the memories
    recorded_at  timestamptz NOT NULL
);
CREATE INDEX access_of_tenant ON mnemolog.access (tenant_id, position);
CREATE INDEX access_by_actor ON mnemolog.access (actor_id, position);
CREATE INDEX access_in_session ON mnemolog.access (session_id, position) WHERE session_id IS NOT NULL;
CREATE INDEX access_refused ON mnemolog.access (tenant_id, position) WHERE code IS NOT NULL;
CREATE INDEX access_to_memory ON mnemolog.access USING gin (memory_ids);
CREATE INDEX access_involving ON mnemolog.access USING gin (involved);

-- How often each memory was told to somebody, and when last.
CREATE TABLE mnemolog.access_pattern (
    memory_id     uuid   NOT NULL PRIMARY KEY,
    tenant_id     uuid   NOT NULL,
    owner_id      uuid   NOT NULL,
    reads         bigint NOT NULL,
    last_position bigint,
    last_read_at  timestamptz
);

-- Processes that record answers a little after they have given them. One that has not ended and is gone has left a gap.
CREATE TABLE mnemolog.access_process (
    process_id    uuid    NOT NULL,
    tenant_id     uuid    NOT NULL,
    stream_id     uuid    NOT NULL,
    version       bigint  NOT NULL,
    last_position bigint  NOT NULL,
    ended         boolean NOT NULL,
    PRIMARY KEY (process_id, tenant_id)
);

DO $$ DECLARE name text; BEGIN
    FOREACH name IN ARRAY '{access,access_pattern,access_process}'::text[] LOOP
        EXECUTE format('ALTER TABLE mnemolog.%I OWNER TO mnemolog_owner', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON mnemolog.%I TO mnemolog_app', name);
    END LOOP;
END $$;
