-- Views that live in the database: they can be emptied and rebuilt from the log at any time.

-- One row for each stretch of a memory's life between two of its events: [from_position, to_position).
CREATE TABLE mnemolog.memory (
    memory_id      uuid        NOT NULL,
    from_position  bigint      NOT NULL,
    to_position    bigint,                 -- NULL: still so
    version        bigint      NOT NULL,
    tenant_id      uuid        NOT NULL,
    cube_id        uuid        NOT NULL,
    state          text        NOT NULL,
    governance     json        NOT NULL,   -- as the event said it
    memory_type    text        NOT NULL,
    semantic_type  text        NOT NULL,
    source         text        NOT NULL,
    owner_id       uuid        NOT NULL,
    session_id     uuid,
    context_id     uuid,
    priority       smallint    NOT NULL,
    trust          double precision NOT NULL,
    corroborations integer     NOT NULL,
    legal_hold     boolean     NOT NULL,
    occurred_at    timestamptz NOT NULL,
    created_at     timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL,
    expires_at     timestamptz,
    text_position  bigint      NOT NULL,   -- the event that holds the text as it is now
    created_position bigint    NOT NULL,
    key_token      bytea,                  -- stand for personal labels, which are never stored in the clear
    tag_tokens     bytea[]     NOT NULL,
    subject_ids    uuid[]      NOT NULL,
    parents        uuid[]      NOT NULL,
    merged_into    uuid,
    PRIMARY KEY (memory_id, from_position)
);
CREATE INDEX memory_of_cube ON mnemolog.memory (cube_id, created_position);
CREATE INDEX memory_expiring ON mnemolog.memory (expires_at) WHERE to_position IS NULL AND expires_at IS NOT NULL;

CREATE TABLE mnemolog.cube (
    cube_id    uuid        NOT NULL PRIMARY KEY,
    tenant_id  uuid        NOT NULL,
    name       text        NOT NULL,
    owner_id   uuid        NOT NULL,
    subject_id uuid        NOT NULL,
    config     json        NOT NULL,
    version    bigint      NOT NULL,
    founded_at timestamptz NOT NULL,
    position   bigint      NOT NULL,
    UNIQUE (tenant_id, name)
);

CREATE TABLE mnemolog.principal (
    principal_id  uuid    NOT NULL PRIMARY KEY,
    tenant_id     uuid    NOT NULL,
    kind          text    NOT NULL,
    administrator boolean NOT NULL,
    subject_id    uuid    NOT NULL,
    position      bigint  NOT NULL
);

CREATE TABLE mnemolog.credential (
    key_id       uuid    NOT NULL PRIMARY KEY,
    principal_id uuid    NOT NULL REFERENCES mnemolog.principal,
    digest       bytea   NOT NULL,
    expires_at   timestamptz,
    revoked      boolean NOT NULL,
    position     bigint  NOT NULL
);

CREATE TABLE mnemolog.subject (
    subject_id uuid   NOT NULL PRIMARY KEY,
    tenant_id  uuid   NOT NULL,
    position   bigint NOT NULL
);

-- Vectors by fingerprint of model and text, so that a replay never computes one again. They say something about the text:
-- erasing a memory deletes its rows.
CREATE TABLE mnemolog.embedding (
    memory_id   uuid  NOT NULL,
    fingerprint bytea NOT NULL,
    vector      bytea NOT NULL,  -- float32, little-endian
    PRIMARY KEY (memory_id, fingerprint)
);

DO $$ DECLARE name text; BEGIN
    FOREACH name IN ARRAY '{memory,cube,principal,credential,subject,embedding}'::text[] LOOP
        EXECUTE format('ALTER TABLE mnemolog.%I OWNER TO mnemolog_owner', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON mnemolog.%I TO mnemolog_app', name);
    END LOOP;
END $$;
