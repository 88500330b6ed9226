-- The promise about units, checked when a transaction commits, whoever wrote: nothing is lent twice, nothing is lost.
-- Triggers that refuse; none that writes.
CREATE FUNCTION check_quota_counts() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    counted record;
    held bigint;
    flying bigint;
BEGIN
    SELECT leased, in_flight INTO counted FROM quota WHERE organizer_id = NEW.organizer_id AND quota_id = NEW.quota_id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT coalesce(sum(granted - sold - returned - freed - given - written_off), 0) INTO held
    FROM lease WHERE organizer_id = NEW.organizer_id AND quota_id = NEW.quota_id;
    SELECT coalesce(sum(upper(r) - lower(r)), 0) INTO flying
    FROM hand_over h, unnest(h.moved) r
    WHERE h.organizer_id = NEW.organizer_id AND h.quota_id = NEW.quota_id AND h.state = 'in_flight';
    IF counted.in_flight <> flying OR counted.leased <> held + flying THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'quota_counts_its_leases', TABLE = 'quota',
            MESSAGE = format('quota %s counts %s lent and %s in flight; its leases hold %s and %s are in flight',
                NEW.quota_id, counted.leased, counted.in_flight, held, flying);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION check_quota_counts IS 'A quota counts as lent exactly what its leases have outstanding and what is in flight';

CREATE FUNCTION check_lease_units() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    organizer bigint := coalesce(NEW.organizer_id, OLD.organizer_id);
    wrong boolean;
    of_lease uuid := coalesce(NEW.lease_id, OLD.lease_id);
BEGIN
    SELECT l.sold <> coalesce(s.units, 0)
        OR l.returned <> (SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(l.returned_units) r)
        OR l.freed <> (SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(l.freed_units) r)
        OR l.given <> (SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(l.given_units) r)
        OR l.written_off <> (SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(l.written_off_units) r)
        OR l.returned + l.freed + l.given + l.written_off + l.sold <> (
            SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(
                l.returned_units + l.freed_units + l.given_units + l.written_off_units + coalesce(s.ranges, '{}')) r)
    INTO wrong
    FROM lease l, LATERAL (
        SELECT count(*) AS units, range_agg(int8range(u.unit, u.unit + 1)) AS ranges
        FROM lease_unit u WHERE u.organizer_id = l.organizer_id AND u.lease_id = l.lease_id
    ) s
    WHERE l.organizer_id = organizer AND l.lease_id = of_lease;
    IF wrong THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'lease_unit_in_one_place', TABLE = 'lease',
            MESSAGE = format('a unit of lease %s is in two places, or counted where it is not', of_lease);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION check_lease_units IS 'Each unit of a lease is in one place: sold to one position, returned, freed, given, written off, or outstanding';

REVOKE ALL ON FUNCTION check_quota_counts(), check_lease_units() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION check_quota_counts(), check_lease_units() TO willcall_app;

CREATE CONSTRAINT TRIGGER quota_counts AFTER INSERT OR UPDATE OF leased, in_flight ON quota
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_quota_counts();
CREATE CONSTRAINT TRIGGER lease_counts
    AFTER INSERT OR UPDATE OF quota_id, granted, sold, returned, freed, given, written_off ON lease
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_quota_counts();
CREATE CONSTRAINT TRIGGER hand_over_counts AFTER INSERT OR UPDATE OF state, moved ON hand_over
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_quota_counts();
CREATE CONSTRAINT TRIGGER lease_units
    AFTER UPDATE OF granted, sold, returned, freed, given, written_off,
        returned_units, freed_units, given_units, written_off_units ON lease
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_lease_units();
CREATE CONSTRAINT TRIGGER lease_unit_places AFTER INSERT OR DELETE ON lease_unit
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_lease_units();
