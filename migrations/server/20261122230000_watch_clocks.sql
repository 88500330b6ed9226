GRANT SELECT (clock_ahead_ms) ON device TO willcall_crossing;
SET LOCAL ROLE willcall_crossing;

CREATE FUNCTION crossing.clocks(off bigint) RETURNS TABLE (stations bigint, furthest bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT count(*) FILTER (WHERE abs(d.clock_ahead_ms) > off), coalesce(max(abs(d.clock_ahead_ms)), 0)
    FROM device d WHERE d.revoked_at IS NULL
$$;
COMMENT ON FUNCTION crossing.clocks IS 'For the metrics page: stations in use whose clock is further off than this, and how far the furthest is';

REVOKE ALL ON FUNCTION crossing.clocks(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION crossing.clocks(bigint) TO willcall_app;
SET LOCAL ROLE willcall_owner;
