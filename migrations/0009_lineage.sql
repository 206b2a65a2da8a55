-- What each memory was made from, for the way from a memory to what was made from it: `memory` has the other way only.

-- One row for each derivation of [from_position, to_position). Ids only, so there is nothing to forget.
CREATE TABLE mnemolog.derivation (
    child_id      uuid   NOT NULL,
    parent_id     uuid   NOT NULL,
    relation      text   NOT NULL,   -- merged_to, copied_from, or the link derived_from
    tenant_id     uuid   NOT NULL,
    from_position bigint NOT NULL,
    to_position   bigint,            -- NULL: still so
    PRIMARY KEY (child_id, parent_id, relation, from_position)
);
CREATE INDEX derivation_of_parent ON mnemolog.derivation (parent_id);

ALTER TABLE mnemolog.derivation OWNER TO mnemolog_owner;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON mnemolog.derivation TO mnemolog_app;

-- As every table has them, see 0008.
ALTER TABLE mnemolog.derivation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY every_tenant ON mnemolog.derivation TO mnemolog_app, mnemolog_owner USING (true) WITH CHECK (true);
CREATE POLICY one_tenant ON mnemolog.derivation FOR SELECT TO mnemolog_request
    USING (tenant_id = (SELECT nullif(current_setting('mnemolog.tenant', true), '')::uuid));
GRANT SELECT ON mnemolog.derivation TO mnemolog_request;
