-- Until now every device found tickets by name and code. Those there are keep what they had; new ones get it with the right.
DO $$
DECLARE
    tenants bigint[];
    tenant bigint;
BEGIN
    SET LOCAL ROLE willcall_crossing;
    tenants := ARRAY(SELECT organizer_id FROM organizer ORDER BY organizer_id);
    SET LOCAL ROLE willcall_owner;
    FOREACH tenant IN ARRAY tenants LOOP
        PERFORM set_config('willcall.organizer', tenant::text, true);
        UPDATE device SET rights = array_append(rights, 'search'), version = version + 1
        WHERE organizer_id = tenant AND revoked_at IS NULL AND NOT rights @> '{search}';
        INSERT INTO change (organizer_id, kind, subject, urgent, at)
        SELECT tenant, 'device', device_id::text, true, (extract(epoch FROM clock_timestamp()) * 1000)::bigint
        FROM device WHERE organizer_id = tenant AND revoked_at IS NULL;
    END LOOP;
    PERFORM set_config('willcall.organizer', '', true);
END
$$;
