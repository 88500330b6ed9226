GRANT SELECT (organizer_id, quota_id, size, target, sold, leased, in_flight, unheard) ON quota TO willcall_crossing;
CREATE POLICY crossing_read ON quota FOR SELECT TO willcall_crossing USING (true);
SET LOCAL ROLE willcall_crossing;
CREATE FUNCTION crossing.dry_quotas() RETURNS TABLE (organizer_id bigint, quota_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT q.organizer_id, q.quota_id FROM quota q
    WHERE q.leased > q.in_flight
        AND (q.target IS NOT NULL OR q.size - q.sold - q.leased - q.unheard <= q.size / 50)
    ORDER BY 1, 2
$$;
COMMENT ON FUNCTION crossing.dry_quotas IS 'Quotas of which at most a fiftieth is free while stations hold units, and those that are to become smaller';
REVOKE ALL ON FUNCTION crossing.dry_quotas() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION crossing.dry_quotas() TO willcall_app;
SET LOCAL ROLE willcall_owner;
