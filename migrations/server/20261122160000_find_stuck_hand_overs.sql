GRANT SELECT (organizer_id, hand_over_id, state, at) ON hand_over TO willcall_crossing;
CREATE POLICY crossing_read ON hand_over FOR SELECT TO willcall_crossing USING (true);
CREATE INDEX hand_over_flying ON hand_over (at) WHERE state = 'in_flight';
SET LOCAL ROLE willcall_crossing;
CREATE FUNCTION crossing.stuck_hand_overs(before bigint) RETURNS TABLE (organizer_id bigint, hand_over_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT h.organizer_id, h.hand_over_id FROM hand_over h
    WHERE h.state = 'in_flight' AND h.at <= before
    ORDER BY h.at, h.hand_over_id LIMIT 1000
$$;
COMMENT ON FUNCTION crossing.stuck_hand_overs IS 'Units that left one till before an instant and of which no other has been heard';
REVOKE ALL ON FUNCTION crossing.stuck_hand_overs(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION crossing.stuck_hand_overs(bigint) TO willcall_app;
SET LOCAL ROLE willcall_owner;
