-- What proves that the log is as it was written: hashes of its Merkle tree, and the checkpoints that were signed over it.

-- The complete subtrees over 256, 65536, ... leaves. A leaf is in the event itself, and the levels between are made from
-- at most 256 hashes when they are asked for.
CREATE TABLE mnemolog.tree_node (
    level smallint NOT NULL CHECK (level > 0 AND level % 8 = 0),
    index bigint   NOT NULL CHECK (index >= 0),  -- over the leaves from index * 2**level on
    hash  bytea    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, index)
);

CREATE TABLE mnemolog.checkpoint (
    size      bigint      NOT NULL PRIMARY KEY CHECK (size > 0),
    note      text        NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

DO $$ DECLARE name text; BEGIN
    FOREACH name IN ARRAY '{tree_node,checkpoint}'::text[] LOOP
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE ON mnemolog.%I
                        FOR EACH ROW EXECUTE FUNCTION mnemolog.refuse_change()', name || '_is_immutable', name);
        EXECUTE format('CREATE TRIGGER %I BEFORE TRUNCATE ON mnemolog.%I
                        FOR EACH STATEMENT EXECUTE FUNCTION mnemolog.refuse_change()', name || '_is_kept', name);
        EXECUTE format('ALTER TABLE mnemolog.%I ENABLE ALWAYS TRIGGER %I', name, name || '_is_immutable');
        EXECUTE format('ALTER TABLE mnemolog.%I ENABLE ALWAYS TRIGGER %I', name, name || '_is_kept');
        EXECUTE format('ALTER TABLE mnemolog.%I OWNER TO mnemolog_owner', name);
        EXECUTE format('GRANT SELECT, INSERT ON mnemolog.%I TO mnemolog_app', name);
    END LOOP;
END $$;
