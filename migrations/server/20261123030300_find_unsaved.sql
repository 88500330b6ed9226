GRANT SELECT (organizer_id, device_id, incarnation, run) ON incarnation TO willcall_crossing;
GRANT SELECT (organizer_id, device_id, incarnation, safe_seq) ON backup_mark TO willcall_crossing;
GRANT SELECT (organizer_id, device_id, incarnation, seq, received_at) ON journal_entry TO willcall_crossing;
CREATE POLICY crossing_read ON backup_mark FOR SELECT TO willcall_crossing USING (true);
CREATE POLICY crossing_read ON journal_entry FOR SELECT TO willcall_crossing USING (true);
SET LOCAL ROLE willcall_crossing;
CREATE FUNCTION crossing.unsaved_since() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT min(first.received_at) FROM incarnation i
    LEFT JOIN backup_mark b ON b.organizer_id = i.organizer_id AND b.device_id = i.device_id AND b.incarnation = i.incarnation
    CROSS JOIN LATERAL (
        SELECT min(j.received_at) AS received_at FROM journal_entry j
        WHERE j.organizer_id = i.organizer_id AND j.device_id = i.device_id AND j.incarnation = i.incarnation
            AND j.seq = coalesce(b.safe_seq, 0) + 1) first
    WHERE i.run > coalesce(b.safe_seq, 0)
$$;
COMMENT ON FUNCTION crossing.unsaved_since IS 'For doctor and metrics: when the oldest entry of a station was received that is in no finished backup';
REVOKE ALL ON FUNCTION crossing.unsaved_since() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION crossing.unsaved_since() TO willcall_app;
SET LOCAL ROLE willcall_owner;
