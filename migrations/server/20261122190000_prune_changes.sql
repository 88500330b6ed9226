ALTER TABLE change_head ADD COLUMN pruned bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN change_head.pruned IS 'Changes up to this position have been let go of; who has not read so far takes a snapshot';
ALTER TABLE device ADD COLUMN read_to bigint;
COMMENT ON COLUMN device.read_to IS 'Position of the change feed up to which it last said to have read, in the present history; null where it has not said';
GRANT DELETE ON change TO willcall_app;

GRANT SELECT (organizer_id, position, pruned) ON change_head TO willcall_crossing;
GRANT SELECT (organizer_id, device_id, read_to, last_contact_at, revoked_at) ON device TO willcall_crossing;
CREATE POLICY crossing_read ON device FOR SELECT TO willcall_crossing USING (true);
SET LOCAL ROLE willcall_crossing;

CREATE FUNCTION crossing.prunable(more_than bigint) RETURNS TABLE (organizer_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT h.organizer_id FROM change_head h WHERE h.position - h.pruned > more_than ORDER BY 1 $$;
COMMENT ON FUNCTION crossing.prunable IS 'Tenants of whose change feed more than this is kept';

CREATE FUNCTION crossing.feed_read(since bigint) RETURNS TABLE (kept bigint, behind bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT coalesce((SELECT max(h.position - h.pruned) FROM change_head h), 0),
        coalesce((SELECT max(h.position - d.read_to) FROM device d JOIN change_head h USING (organizer_id)
            WHERE d.revoked_at IS NULL AND d.last_contact_at >= since), 0)
$$;
COMMENT ON FUNCTION crossing.feed_read IS 'For the metrics page: positions kept of the longest feed, and how many the slowest station that was heard of since then has not read';

REVOKE ALL ON FUNCTION crossing.prunable(bigint) FROM PUBLIC;
REVOKE ALL ON FUNCTION crossing.feed_read(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION crossing.prunable(bigint) TO willcall_app;
GRANT EXECUTE ON FUNCTION crossing.feed_read(bigint) TO willcall_app;
SET LOCAL ROLE willcall_owner;
