-- The one way a table becomes a tenant's: row-level security on, forced upon its owner too, one policy.
CREATE PROCEDURE guard_tenant(guarded regclass, rights text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', guarded);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', guarded);
    -- The setting is the empty string, not null, once a transaction that set it has ended.
    EXECUTE format('CREATE POLICY tenant ON %s TO willcall_app, willcall_owner
        USING (organizer_id = nullif(current_setting(''willcall.organizer'', true), '''')::bigint)
        WITH CHECK (organizer_id = nullif(current_setting(''willcall.organizer'', true), '''')::bigint)', guarded);
    EXECUTE format('GRANT %s ON %s TO willcall_app', rights, guarded);
END
$$;
COMMENT ON PROCEDURE guard_tenant IS 'Makes a table a tenant''s table; called by the migration that creates it';
REVOKE ALL ON PROCEDURE guard_tenant FROM PUBLIC;

-- Functions that look across tenants live here, owned by a role that sees only the columns they need.
CREATE SCHEMA crossing AUTHORIZATION willcall_crossing;
SET LOCAL ROLE willcall_crossing;
COMMENT ON SCHEMA crossing IS 'Everything that looks across tenants: narrow functions, no tables';
SET LOCAL ROLE willcall_owner;

-- Whoever serves checks that the tables are the ones it knows.
GRANT SELECT ON _sqlx_migrations TO willcall_app;
