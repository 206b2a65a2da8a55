-- A floor under the permission check: whoever asks for one tenant is shown no row of another, whatever the statement says.
-- The application does so as `mnemolog_request`, which may only read, and for each transaction says which tenant it is.
-- What belongs to no request - appending, views, signing in, sweeping - goes on as `mnemolog_app`, for all tenants.

DO $$ BEGIN CREATE ROLE mnemolog_request NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
DO $$ BEGIN GRANT mnemolog_request TO mnemolog_app;
EXCEPTION WHEN invalid_grant_operation OR insufficient_privilege THEN NULL; END $$;

GRANT USAGE ON SCHEMA mnemolog, mnemolog_keys TO mnemolog_request;

-- Every table has row security, for its owner too: one that a role has no policy for is empty to it.
DO $$ DECLARE t regclass; BEGIN
    FOR t IN SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname IN ('mnemolog', 'mnemolog_keys') AND c.relkind IN ('r', 'p') LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY every_tenant ON %s TO mnemolog_app, mnemolog_owner USING (true) WITH CHECK (true)', t);
        -- A subquery, so that the setting is read once for a statement and not once for a row.
        IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = t AND attname = 'tenant_id' AND NOT attisdropped) THEN
            EXECUTE format($policy$CREATE POLICY one_tenant ON %s FOR SELECT TO mnemolog_request
                USING (tenant_id = (SELECT nullif(current_setting('mnemolog.tenant', true), '')::uuid))$policy$, t);
            EXECUTE format('GRANT SELECT ON %s TO mnemolog_request', t);
        END IF;
    END LOOP;
END $$;

-- These name no tenant, and a request needs them: how far views are; keys that nothing opens without the key of a subject;
-- the hour a key was used.
GRANT SELECT ON mnemolog.view_position, mnemolog.key_use, mnemolog_keys.content_key TO mnemolog_request;
CREATE POLICY of_no_tenant ON mnemolog.view_position FOR SELECT TO mnemolog_request USING (true);
CREATE POLICY of_no_tenant ON mnemolog.key_use FOR SELECT TO mnemolog_request USING (true);
CREATE POLICY of_no_tenant ON mnemolog_keys.content_key FOR SELECT TO mnemolog_request USING (true);
-- Wrapped keys of subjects are for the keyring alone.
REVOKE SELECT ON mnemolog_keys.subject_key FROM mnemolog_request;
