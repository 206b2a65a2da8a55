-- Erasure: which keys were destroyed, who asked for it, and the only ways in which the application may change keys.

-- What was destroyed stays so: no key of these names is made again, and no vector of these memories is stored again.
CREATE TABLE mnemolog_keys.destroyed_key (
    key_id       uuid        NOT NULL PRIMARY KEY,  -- of a stream or of a data subject
    erasure_id   uuid        NOT NULL,
    is_subject   boolean     NOT NULL,
    destroyed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX destroyed_by ON mnemolog_keys.destroyed_key (erasure_id);

-- What tokens, digests, files and signatures are derived from. It outlives the key-encryption key, which wraps it.
CREATE TABLE mnemolog_keys.root_key (
    only_one boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (only_one),
    wrapped  bytea   NOT NULL
);

-- Part of the catalogue, emptied and rebuilt with it.
CREATE TABLE mnemolog.erasure (
    erasure_id         uuid        NOT NULL PRIMARY KEY,
    tenant_id          uuid        NOT NULL,
    kind               text        NOT NULL,  -- memory | subject
    target_id          uuid        NOT NULL,
    basis              text        NOT NULL,
    requested_by       uuid,
    begun_at           timestamptz NOT NULL,
    position           bigint      NOT NULL,
    completed_position bigint,                -- NULL: not done yet
    receipt            text
);
CREATE INDEX erasure_of ON mnemolog.erasure (target_id);
CREATE INDEX erasure_unfinished ON mnemolog.erasure (position) WHERE completed_position IS NULL;
ALTER TABLE mnemolog.subject ADD COLUMN erased_position bigint;

-- Destroy the key of a data subject (NULL for none) with those of all streams that need it, and the keys of `streams`.
-- Vectors go in the same transaction. The locks wait for whoever is storing a vector or the key of a data subject at this
-- moment and has not seen that the key will be gone; whoever waits for a lock sees it then.
CREATE FUNCTION mnemolog_keys.destroy(erasure uuid, subject uuid, streams uuid[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE doomed uuid[];
BEGIN
    LOCK TABLE mnemolog_keys.subject_key, mnemolog.embedding IN SHARE ROW EXCLUSIVE MODE;
    SELECT coalesce(array_agg(k.key_id), '{}') || streams INTO doomed
        FROM mnemolog_keys.content_key k WHERE subject IS NOT NULL AND subject = ANY (k.subject_ids);
    INSERT INTO mnemolog_keys.destroyed_key (key_id, erasure_id, is_subject)
        SELECT d.k, erasure, false FROM unnest(doomed) d(k) ON CONFLICT DO NOTHING;
    INSERT INTO mnemolog_keys.destroyed_key (key_id, erasure_id, is_subject)
        SELECT subject, erasure, true WHERE subject IS NOT NULL
        ON CONFLICT (key_id) DO UPDATE SET is_subject = true;  -- the stream of a data subject has the subject's own id
    DELETE FROM mnemolog_keys.content_key WHERE key_id = ANY (doomed);
    DELETE FROM mnemolog_keys.subject_key WHERE subject_id = subject;
    DELETE FROM mnemolog.embedding WHERE memory_id = ANY (doomed);
    RETURN cardinality(doomed);
END $$;

-- Put all subject keys and the root under another key-encryption key. False, and nothing is changed, when a key was added
-- or destroyed since they were read, or when they were rewrapped already: no process that knows the former key can add
-- one after this.
CREATE FUNCTION mnemolog_keys.rewrap(
    former_check text, new_check text, root bytea, subjects uuid[], keys bytea[]
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    LOCK TABLE mnemolog_keys.subject_key IN SHARE ROW EXCLUSIVE MODE;
    IF NOT EXISTS (SELECT FROM mnemolog_keys.key_encryption_key WHERE check_value = former_check)
        OR (SELECT coalesce(array_agg(subject_id ORDER BY subject_id), '{}') FROM mnemolog_keys.subject_key)
           <> (SELECT coalesce(array_agg(u.s ORDER BY u.s), '{}') FROM unnest(subjects) u(s))
    THEN
        RETURN false;
    END IF;
    UPDATE mnemolog_keys.subject_key k SET wrapped = u.w FROM unnest(subjects, keys) u(s, w) WHERE k.subject_id = u.s;
    UPDATE mnemolog_keys.root_key SET wrapped = root;
    DELETE FROM mnemolog_keys.key_encryption_key;
    INSERT INTO mnemolog_keys.key_encryption_key (check_value) VALUES (new_check);
    RETURN true;
END $$;

ALTER TABLE mnemolog_keys.destroyed_key OWNER TO mnemolog_owner;
ALTER TABLE mnemolog_keys.root_key OWNER TO mnemolog_owner;
ALTER TABLE mnemolog.erasure OWNER TO mnemolog_owner;
ALTER FUNCTION mnemolog_keys.destroy(uuid, uuid, uuid[]) OWNER TO mnemolog_owner;
ALTER FUNCTION mnemolog_keys.rewrap(text, text, bytea, uuid[], bytea[]) OWNER TO mnemolog_owner;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mnemolog_keys FROM public;
GRANT SELECT, INSERT ON mnemolog_keys.root_key TO mnemolog_app;
GRANT SELECT ON mnemolog_keys.destroyed_key TO mnemolog_app;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON mnemolog.erasure TO mnemolog_app;
GRANT EXECUTE ON FUNCTION mnemolog_keys.destroy, mnemolog_keys.rewrap TO mnemolog_app;
