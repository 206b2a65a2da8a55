-- Groups, what keys may do, who signs in from elsewhere, tenants; and a floor under the permission check: whoever asks for
-- one tenant is shown no row of another, whatever the statement says.

ALTER TABLE mnemolog.credential
    ADD COLUMN tenant_id    uuid,
    ADD COLUMN scopes       text[],  -- NULL: all that the principal may do
    ADD COLUMN on_behalf_of uuid;
UPDATE mnemolog.credential c SET tenant_id = p.tenant_id FROM mnemolog.principal p
    WHERE p.principal_id = c.principal_id;
ALTER TABLE mnemolog.credential ALTER COLUMN tenant_id SET NOT NULL;
CREATE INDEX credential_of_principal ON mnemolog.credential (principal_id, position);

-- One row for each stretch of a membership: [from_position, to_position).
CREATE TABLE mnemolog.group_member (
    group_id      uuid   NOT NULL,
    member_id     uuid   NOT NULL,
    tenant_id     uuid   NOT NULL,
    from_position bigint NOT NULL,
    to_position   bigint,             -- NULL: still a member
    PRIMARY KEY (group_id, member_id, from_position)
);
CREATE INDEX group_of_member ON mnemolog.group_member (member_id) WHERE to_position IS NULL;
CREATE INDEX group_member_of_tenant ON mnemolog.group_member (tenant_id);

-- When a principal was deactivated.
CREATE TABLE mnemolog.inactivity (
    principal_id  uuid   NOT NULL,
    tenant_id     uuid   NOT NULL,
    from_position bigint NOT NULL,
    to_position   bigint,             -- NULL: still
    PRIMARY KEY (principal_id, from_position)
);
CREATE INDEX inactivity_of_tenant ON mnemolog.inactivity (tenant_id);

-- Whom another system means. What it calls them is kept as a token only.
CREATE TABLE mnemolog.identity (
    tenant_id    uuid   NOT NULL,
    issuer       text   NOT NULL,
    subject      text   NOT NULL,
    principal_id uuid   NOT NULL,
    position     bigint NOT NULL,
    PRIMARY KEY (tenant_id, issuer, subject)
);

CREATE TABLE mnemolog.tenant (
    tenant_id uuid   NOT NULL PRIMARY KEY,
    limits    json   NOT NULL,        -- as the event said them
    position  bigint NOT NULL
);

-- Not a view: no log could tell it again, and nothing depends on it.
CREATE TABLE mnemolog.key_use (
    key_id  uuid        NOT NULL PRIMARY KEY,
    used_at timestamptz NOT NULL      -- to the hour
);

DO $$ DECLARE name text; BEGIN
    FOREACH name IN ARRAY '{group_member,inactivity,identity,tenant,key_use}'::text[] LOOP
        EXECUTE format('ALTER TABLE mnemolog.%I OWNER TO mnemolog_owner', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON mnemolog.%I TO mnemolog_app', name);
    END LOOP;
END $$;
