GRANT SELECT (organizer_id, erase_id, at) ON erasure TO willcall_crossing;
CREATE POLICY crossing_read ON erasure FOR SELECT TO willcall_crossing USING (true);
GRANT SELECT (organizer_id, erase_id, device_id, confirmed_at) ON erasure_machine TO willcall_crossing;
CREATE POLICY crossing_read ON erasure_machine FOR SELECT TO willcall_crossing USING (true);
SET LOCAL ROLE willcall_crossing;
CREATE FUNCTION crossing.unerased(since bigint) RETURNS TABLE (organizer_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT DISTINCT m.organizer_id FROM erasure_machine m
    JOIN erasure e ON e.organizer_id = m.organizer_id AND e.erase_id = m.erase_id
    WHERE m.confirmed_at IS NULL AND e.at < since
    ORDER BY 1
$$;
COMMENT ON FUNCTION crossing.unerased IS 'Organizers with machines that were told before this instant to erase personal data, and have not confirmed';
REVOKE ALL ON FUNCTION crossing.unerased(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION crossing.unerased(bigint) TO willcall_app;
SET LOCAL ROLE willcall_owner;
