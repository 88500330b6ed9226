-- The promise about units is checked after every statement that could break it, whoever wrote: a movement is one
-- statement. A server of before writes it in several; it is known by not saying that it does not, and is looked at when it
-- commits, as ever.
CREATE FUNCTION writes_in_parts() RETURNS boolean LANGUAGE sql STABLE
RETURN coalesce(current_setting('willcall.organizer', true), '') <> ''
    AND coalesce(current_setting('willcall.movements', true), '') <> 'whole';
COMMENT ON FUNCTION writes_in_parts IS 'Whether the writer is a server of before 20261123: it moves units in several statements';

CREATE OR REPLACE FUNCTION check_quota_counts() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    counted record;
    held bigint;
    flying bigint;
    of_quota bigint;
BEGIN
    FOREACH of_quota IN ARRAY CASE WHEN TG_OP = 'UPDATE' AND OLD.quota_id <> NEW.quota_id
        THEN ARRAY[OLD.quota_id, NEW.quota_id] ELSE ARRAY[NEW.quota_id] END
    LOOP
        SELECT leased, in_flight INTO counted FROM quota WHERE organizer_id = NEW.organizer_id AND quota_id = of_quota;
        CONTINUE WHEN NOT FOUND;
        SELECT coalesce(sum(granted - sold - returned - freed - given - written_off), 0) INTO held
        FROM lease WHERE organizer_id = NEW.organizer_id AND quota_id = of_quota;
        SELECT coalesce(sum(upper(r) - lower(r)), 0) INTO flying
        FROM hand_over h, unnest(h.moved) r
        WHERE h.organizer_id = NEW.organizer_id AND h.quota_id = of_quota AND h.state = 'in_flight';
        IF counted.in_flight <> flying OR counted.leased <> held + flying THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'quota_counts_its_leases', TABLE = 'quota',
                MESSAGE = format('quota %s counts %s lent and %s in flight; its leases hold %s and %s are in flight',
                    of_quota, counted.leased, counted.in_flight, held, flying);
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION writes_in_parts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION writes_in_parts() TO willcall_app;

DROP TRIGGER quota_counts ON quota;
DROP TRIGGER lease_counts ON lease;
DROP TRIGGER hand_over_counts ON hand_over;
DROP TRIGGER lease_units ON lease;
DROP TRIGGER lease_unit_places ON lease_unit;

CREATE TRIGGER quota_counts AFTER UPDATE OF leased, in_flight ON quota FOR EACH ROW
    WHEN ((OLD.leased, OLD.in_flight) IS DISTINCT FROM (NEW.leased, NEW.in_flight) AND NOT writes_in_parts())
    EXECUTE FUNCTION check_quota_counts();
CREATE TRIGGER quota_begins AFTER INSERT ON quota FOR EACH ROW
    WHEN ((NEW.leased <> 0 OR NEW.in_flight <> 0) AND NOT writes_in_parts())
    EXECUTE FUNCTION check_quota_counts();
CREATE TRIGGER lease_counts AFTER UPDATE OF quota_id, granted, sold, returned, freed, given, written_off ON lease FOR EACH ROW
    WHEN ((OLD.quota_id, OLD.granted - OLD.sold - OLD.returned - OLD.freed - OLD.given - OLD.written_off) IS DISTINCT FROM
          (NEW.quota_id, NEW.granted - NEW.sold - NEW.returned - NEW.freed - NEW.given - NEW.written_off)
          AND NOT writes_in_parts())
    EXECUTE FUNCTION check_quota_counts();
CREATE TRIGGER lease_begins AFTER INSERT ON lease FOR EACH ROW
    WHEN (NOT writes_in_parts()) EXECUTE FUNCTION check_quota_counts();
CREATE TRIGGER hand_over_counts AFTER INSERT OR UPDATE OF quota_id, state, moved ON hand_over FOR EACH ROW
    WHEN (NOT writes_in_parts()) EXECUTE FUNCTION check_quota_counts();
CREATE TRIGGER lease_units AFTER UPDATE OF granted, sold, returned, freed, given, written_off,
        returned_units, freed_units, given_units, written_off_units ON lease FOR EACH ROW
    WHEN (NOT writes_in_parts()) EXECUTE FUNCTION check_lease_units();
CREATE TRIGGER lease_unit_places AFTER INSERT OR UPDATE OR DELETE ON lease_unit FOR EACH ROW
    WHEN (NOT writes_in_parts()) EXECUTE FUNCTION check_lease_units();

-- For servers of before; the release after the next may drop them.
CREATE CONSTRAINT TRIGGER quota_counts_at_commit AFTER INSERT OR UPDATE OF leased, in_flight ON quota
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (writes_in_parts()) EXECUTE FUNCTION check_quota_counts();
CREATE CONSTRAINT TRIGGER lease_counts_at_commit
    AFTER INSERT OR UPDATE OF quota_id, granted, sold, returned, freed, given, written_off ON lease
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (writes_in_parts()) EXECUTE FUNCTION check_quota_counts();
CREATE CONSTRAINT TRIGGER hand_over_counts_at_commit AFTER INSERT OR UPDATE OF state, moved ON hand_over
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (writes_in_parts()) EXECUTE FUNCTION check_quota_counts();
CREATE CONSTRAINT TRIGGER lease_units_at_commit
    AFTER UPDATE OF granted, sold, returned, freed, given, written_off,
        returned_units, freed_units, given_units, written_off_units ON lease
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (writes_in_parts()) EXECUTE FUNCTION check_lease_units();
CREATE CONSTRAINT TRIGGER lease_unit_places_at_commit AFTER INSERT OR DELETE ON lease_unit
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (writes_in_parts()) EXECUTE FUNCTION check_lease_units();
