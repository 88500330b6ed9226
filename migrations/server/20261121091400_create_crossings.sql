-- What willcall_crossing may see: columns, not tables, and only of these tables.
GRANT SELECT (organizer_id, slug, name), INSERT ON organizer TO willcall_crossing;
GRANT SELECT (organizer_id, staff_id, email) ON staff TO willcall_crossing;
GRANT SELECT (organizer_id, expires_at), DELETE ON session TO willcall_crossing;
GRANT SELECT (organizer_id, order_id, status, expires_at) ON orders TO willcall_crossing;
GRANT SELECT, UPDATE (state, attempts, run_at), DELETE ON job TO willcall_crossing;
GRANT SELECT (organizer_id, at), DELETE ON idempotency TO willcall_crossing;
GRANT SELECT (organizer_id, change_id, position, at) ON change TO willcall_crossing;
CREATE POLICY crossing_read ON organizer FOR SELECT TO willcall_crossing USING (true);
CREATE POLICY crossing_found ON organizer FOR INSERT TO willcall_crossing WITH CHECK (true);
CREATE POLICY crossing_read ON staff FOR SELECT TO willcall_crossing USING (true);
CREATE POLICY crossing ON session TO willcall_crossing USING (true);
CREATE POLICY crossing_read ON orders FOR SELECT TO willcall_crossing USING (true);
CREATE POLICY crossing ON job TO willcall_crossing USING (true);
CREATE POLICY crossing ON idempotency TO willcall_crossing USING (true);
CREATE POLICY crossing_read ON change FOR SELECT TO willcall_crossing USING (true);

SET LOCAL ROLE willcall_crossing;

CREATE FUNCTION crossing.organizers() RETURNS TABLE (organizer_id bigint, slug text, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT o.organizer_id, o.slug, o.name FROM organizer o ORDER BY o.name, o.organizer_id $$;
COMMENT ON FUNCTION crossing.organizers IS 'Names of all tenants: the start page and tools';

CREATE FUNCTION crossing.organizer_by_slug(wanted text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT o.organizer_id FROM organizer o WHERE o.slug = wanted $$;
COMMENT ON FUNCTION crossing.organizer_by_slug IS 'From an address to its tenant';

CREATE FUNCTION crossing.found_organizer(slug text, name text, legal_name text, address text, bank_details text, accent text, now bigint)
RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$ INSERT INTO organizer (slug, name, legal_name, address, bank_details, accent, created_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING organizer_id $$;
COMMENT ON FUNCTION crossing.found_organizer IS 'A new tenant: its number is not known before, so no tenant can insert it';

CREATE FUNCTION crossing.staff_by_email(wanted text) RETURNS TABLE (organizer_id bigint, staff_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT s.organizer_id, s.staff_id FROM staff s WHERE s.email = lower(wanted) LIMIT 20 $$;
COMMENT ON FUNCTION crossing.staff_by_email IS 'Where a person may sign in; passwords are read as the tenant';

CREATE FUNCTION crossing.take_jobs(wanted_class text, wanted bigint, now bigint, lock_ms bigint)
RETURNS TABLE (organizer_id bigint, job_id bigint, kind text, payload jsonb, attempts bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH due AS (
        SELECT j.organizer_id, j.job_id FROM job j
        WHERE j.class = wanted_class AND j.state IN ('queued', 'running') AND j.run_at <= now
        ORDER BY j.run_at, j.job_id LIMIT wanted FOR UPDATE SKIP LOCKED
    )
    UPDATE job j SET state = 'running', attempts = j.attempts + 1, run_at = now + lock_ms
    FROM due d WHERE j.organizer_id = d.organizer_id AND j.job_id = d.job_id
    RETURNING j.organizer_id, j.job_id, j.kind, j.payload, j.attempts
$$;
COMMENT ON FUNCTION crossing.take_jobs IS 'Due jobs of one class, and those whose worker let its lock run out';

CREATE FUNCTION crossing.next_job_at(wanted_class text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT min(run_at) FROM job WHERE class = wanted_class AND state IN ('queued', 'running') $$;
COMMENT ON FUNCTION crossing.next_job_at IS 'When a worker of this class must look again';

CREATE FUNCTION crossing.job_counts() RETURNS TABLE (class text, state text, jobs bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT class, state, count(*) FROM job GROUP BY 1, 2 $$;
COMMENT ON FUNCTION crossing.job_counts IS 'For the metrics page';

CREATE FUNCTION crossing.unnumbered() RETURNS TABLE (organizer_id bigint, oldest_at bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT c.organizer_id, min(c.at) FROM change c WHERE c.position IS NULL GROUP BY 1 $$;
COMMENT ON FUNCTION crossing.unnumbered IS 'Tenants with changes the sequencer has not numbered yet';

CREATE FUNCTION crossing.expired_orders(now bigint, wanted bigint) RETURNS TABLE (organizer_id bigint, order_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$ SELECT o.organizer_id, o.order_id FROM orders o
      WHERE o.status = 'pending' AND o.expires_at <= now ORDER BY o.expires_at LIMIT wanted $$;
COMMENT ON FUNCTION crossing.expired_orders IS 'Orders whose time to pay is over';

CREATE FUNCTION crossing.sweep(now bigint) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    DELETE FROM session WHERE expires_at <= now;
    DELETE FROM idempotency WHERE at <= now - 86400000;
    DELETE FROM job WHERE state = 'done' AND done_at <= now - 604800000;
$$;
COMMENT ON FUNCTION crossing.sweep IS 'Removes what has run out: sessions, day-old repeat answers, week-old done jobs';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA crossing FROM PUBLIC;
GRANT USAGE ON SCHEMA crossing TO willcall_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA crossing TO willcall_app;

SET LOCAL ROLE willcall_owner;
