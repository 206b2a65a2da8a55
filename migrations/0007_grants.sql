-- Grants as they hold: part of the catalogue, emptied and rebuilt with it.

CREATE TABLE mnemolog.grant_rule (
    grant_id      uuid   NOT NULL PRIMARY KEY,
    tenant_id     uuid   NOT NULL,
    cube_id       uuid,             -- what it is about, or where the memory is; NULL: the tenant
    granted_by    uuid   NOT NULL,
    terms         json   NOT NULL,  -- as the event said them
    from_position bigint NOT NULL,
    to_position   bigint            -- NULL: not revoked
);
ALTER TABLE mnemolog.grant_rule OWNER TO mnemolog_owner;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON mnemolog.grant_rule TO mnemolog_app;

-- Every request asks when permissions last changed, so that is looked up and never counted.
CREATE INDEX grant_of_tenant ON mnemolog.grant_rule (tenant_id, from_position);
CREATE INDEX grant_revoked ON mnemolog.grant_rule (tenant_id, to_position);
CREATE INDEX group_member_joined ON mnemolog.group_member (tenant_id, from_position);
CREATE INDEX group_member_left ON mnemolog.group_member (tenant_id, to_position);
CREATE INDEX inactivity_begun ON mnemolog.inactivity (tenant_id, from_position);
CREATE INDEX inactivity_ended ON mnemolog.inactivity (tenant_id, to_position);
CREATE INDEX administrator_of_tenant ON mnemolog.principal (tenant_id, position) WHERE administrator;
