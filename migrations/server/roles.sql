-- Run before the migrations by whoever migrates (`willcall-server migrate`); every statement may run again.
-- Roles belong to the whole cluster, so they are not part of a database's numbered migrations.
DO $$
DECLARE
    role record;
BEGIN
    FOR role IN SELECT * FROM (VALUES
        -- Owns every table. Nobody signs in as it; NOINHERIT, so that membership alone reads nothing.
        ('willcall_owner', 'NOLOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS NOCREATEROLE'),
        -- Owns the few functions that look across tenants, and may see only what they need.
        ('willcall_crossing', 'NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE'),
        -- What the running server is. Owns nothing and is held by row-level security.
        ('willcall_app', 'LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB')
    ) AS wanted (name, attributes) LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role.name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I %s', role.name, role.attributes);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of this cluster is being migrated at the same time
            END;
        END IF;
    END LOOP;
    -- A writer that takes longer would hold everybody up; also set by the server on each connection.
    BEGIN
        ALTER ROLE willcall_app SET statement_timeout = '5s';
        ALTER ROLE willcall_app SET idle_in_transaction_session_timeout = '5s';
    EXCEPTION WHEN insufficient_privilege OR internal_error THEN
        NULL; -- made by somebody else, or by another database's migration at this moment
    END;
    IF NOT pg_has_role('willcall_owner', 'willcall_crossing', 'MEMBER') THEN
        GRANT willcall_crossing TO willcall_owner;
    END IF;
    IF NOT pg_has_role(current_user, 'willcall_owner', 'MEMBER') THEN
        EXECUTE format('GRANT willcall_owner TO %I', current_user);
    END IF;
    IF NOT has_schema_privilege('willcall_owner', 'public', 'CREATE') THEN
        GRANT CREATE ON SCHEMA public TO willcall_owner;
        GRANT USAGE ON SCHEMA public TO willcall_owner, willcall_crossing, willcall_app;
    END IF;
    IF NOT has_database_privilege('willcall_owner', current_database(), 'CREATE') THEN
        EXECUTE format('GRANT CREATE ON DATABASE %I TO willcall_owner', current_database());
    END IF;
END
$$;
