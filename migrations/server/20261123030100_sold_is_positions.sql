-- A quota counts as sold exactly the positions that hold a place in it. Counting them all after each sale would take longer
-- than the sale, so each transaction adds up what it changed on either side, in a setting that dies with it; where the two
-- differ when it commits, all are counted, and if they differ then it is refused. Nothing is written by a trigger.
CREATE FUNCTION add_to_balance(organizer bigint, quota bigint, more bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    balance jsonb := coalesce(nullif(current_setting('willcall.balance', true), ''), '{}')::jsonb;
    name text := format('%s/%s', organizer, quota);
    total bigint := CASE WHEN balance ? name THEN (balance ->> name)::bigint ELSE 0 END + more;
BEGIN
    balance := balance || jsonb_build_object(name, total);
    PERFORM set_config('willcall.balance', balance::text, true);
END
$$;
COMMENT ON FUNCTION add_to_balance IS 'Notes that this transaction sold more (or took off as many positions); null: this quota is to be counted whole';

CREATE FUNCTION note_sold() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM add_to_balance(NEW.organizer_id, NEW.quota_id, NEW.sold - CASE WHEN TG_OP = 'UPDATE' THEN OLD.sold ELSE 0 END);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION note_sold IS 'A quota counts more or fewer as sold';

CREATE FUNCTION note_membership() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM add_to_balance(coalesce(NEW.organizer_id, OLD.organizer_id), coalesce(NEW.quota_id, OLD.quota_id), NULL);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION note_membership IS 'Other positions count in a quota from now on';

CREATE FUNCTION note_positions_added() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM add_to_balance(c.organizer_id, c.quota_id, -c.n) FROM (
        SELECT p.organizer_id, q.quota_id, count(*) AS n
        FROM added p
        JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id AND o.status IN ('pending', 'paid')
        JOIN quota_item i ON i.organizer_id = p.organizer_id AND i.item_id = p.item_id
        JOIN quota q ON q.organizer_id = i.organizer_id AND q.quota_id = i.quota_id
            AND (q.date_id IS NULL OR q.date_id = p.date_id)
        WHERE NOT p.canceled GROUP BY 1, 2) c;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION note_positions_added IS 'Positions that hold a place from now on';

CREATE FUNCTION note_position_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM orders WHERE organizer_id = NEW.organizer_id AND order_id = NEW.order_id
        AND status IN ('pending', 'paid')) THEN
        RETURN NULL;
    END IF;
    IF NOT OLD.canceled THEN
        PERFORM add_to_balance(q.organizer_id, q.quota_id, 1) FROM quota_item i
        JOIN quota q ON q.organizer_id = i.organizer_id AND q.quota_id = i.quota_id
        WHERE i.organizer_id = OLD.organizer_id AND i.item_id = OLD.item_id
            AND (q.date_id IS NULL OR q.date_id = OLD.date_id);
    END IF;
    IF NOT NEW.canceled THEN
        PERFORM add_to_balance(q.organizer_id, q.quota_id, -1) FROM quota_item i
        JOIN quota q ON q.organizer_id = i.organizer_id AND q.quota_id = i.quota_id
        WHERE i.organizer_id = NEW.organizer_id AND i.item_id = NEW.item_id
            AND (q.date_id IS NULL OR q.date_id = NEW.date_id);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION note_position_changed IS 'A position that holds another place, or none, from now on';

CREATE FUNCTION note_order_status() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM add_to_balance(NEW.organizer_id, c.quota_id, CASE WHEN NEW.status IN ('pending', 'paid') THEN -c.n ELSE c.n END)
    FROM (SELECT q.quota_id, count(*) AS n FROM order_position p
          JOIN quota_item i ON i.organizer_id = p.organizer_id AND i.item_id = p.item_id
          JOIN quota q ON q.organizer_id = i.organizer_id AND q.quota_id = i.quota_id
              AND (q.date_id IS NULL OR q.date_id = p.date_id)
          WHERE p.organizer_id = NEW.organizer_id AND p.order_id = NEW.order_id AND NOT p.canceled GROUP BY 1) c;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION note_order_status IS 'An order that holds places from now on, or none any more';

CREATE FUNCTION check_sold() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    balance text := coalesce(current_setting('willcall.balance', true), '');
    one record;
BEGIN
    IF balance = '' THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('willcall.balance', '', true);
    FOR one IN
        SELECT q.quota_id, q.sold, held.n FROM jsonb_each(balance::jsonb) b
        JOIN quota q ON q.organizer_id = split_part(b.key, '/', 1)::bigint AND q.quota_id = split_part(b.key, '/', 2)::bigint
        CROSS JOIN LATERAL (
            SELECT count(*) AS n FROM quota_item i
            JOIN order_position p ON p.organizer_id = i.organizer_id AND p.item_id = i.item_id AND NOT p.canceled
                AND (q.date_id IS NULL OR q.date_id = p.date_id)
            JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id AND o.status IN ('pending', 'paid')
            WHERE i.organizer_id = q.organizer_id AND i.quota_id = q.quota_id) held
        WHERE b.value <> '0' AND q.sold <> held.n
    LOOP
        RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = 'quota_counts_its_positions', TABLE = 'quota',
            MESSAGE = format('quota %s counts %s sold, and %s positions hold a place in it', one.quota_id, one.sold, one.n);
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION check_sold IS 'What a transaction sold and what it wrote as positions must be the same';

REVOKE ALL ON FUNCTION add_to_balance(bigint, bigint, bigint), note_sold(), note_membership(),
    note_positions_added(), note_position_changed(), note_order_status(), check_sold() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_to_balance(bigint, bigint, bigint), note_sold(), note_membership(),
    note_positions_added(), note_position_changed(), note_order_status(), check_sold() TO willcall_app;

-- What was counted wrong before, by a server that did not count products anew when they joined a quota, is counted right.
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
        UPDATE quota q SET sold = held.n, version = version + 1
        FROM (SELECT i.organizer_id, i.quota_id, count(o.order_id) AS n FROM quota_item i
              JOIN quota b ON b.organizer_id = i.organizer_id AND b.quota_id = i.quota_id
              LEFT JOIN order_position p ON p.organizer_id = i.organizer_id AND p.item_id = i.item_id AND NOT p.canceled
                  AND (b.date_id IS NULL OR b.date_id = p.date_id)
              LEFT JOIN orders o ON o.organizer_id = p.organizer_id AND o.order_id = p.order_id
                  AND o.status IN ('pending', 'paid')
              WHERE i.organizer_id = tenant GROUP BY 1, 2) held
        WHERE q.organizer_id = tenant AND q.quota_id = held.quota_id AND q.sold <> held.n
            AND (q.size IS NULL OR held.n + q.leased + q.unheard <= q.size + q.excess);
    END LOOP;
    PERFORM set_config('willcall.organizer', '', true);
END
$$;

CREATE TRIGGER quota_sold AFTER UPDATE OF sold ON quota FOR EACH ROW
    WHEN (OLD.sold <> NEW.sold AND NOT writes_in_parts()) EXECUTE FUNCTION note_sold();
CREATE TRIGGER quota_sold_from_the_start AFTER INSERT ON quota FOR EACH ROW
    WHEN (NEW.sold <> 0 AND NOT writes_in_parts()) EXECUTE FUNCTION note_sold();
CREATE TRIGGER quota_of_another_date AFTER UPDATE OF date_id ON quota FOR EACH ROW
    WHEN (OLD.date_id IS DISTINCT FROM NEW.date_id AND NOT writes_in_parts()) EXECUTE FUNCTION note_membership();
CREATE TRIGGER quota_item_counts AFTER INSERT OR DELETE ON quota_item FOR EACH ROW
    WHEN (NOT writes_in_parts()) EXECUTE FUNCTION note_membership();
CREATE TRIGGER position_added AFTER INSERT ON order_position REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    WHEN (NOT writes_in_parts()) EXECUTE FUNCTION note_positions_added();
CREATE TRIGGER position_changed AFTER UPDATE OF canceled, item_id, date_id ON order_position FOR EACH ROW
    WHEN ((OLD.canceled, OLD.item_id, OLD.date_id) IS DISTINCT FROM (NEW.canceled, NEW.item_id, NEW.date_id) AND NOT writes_in_parts())
    EXECUTE FUNCTION note_position_changed();
CREATE TRIGGER order_status_changed AFTER UPDATE OF status ON orders FOR EACH ROW
    WHEN ((OLD.status IN ('pending', 'paid')) <> (NEW.status IN ('pending', 'paid')) AND NOT writes_in_parts())
    EXECUTE FUNCTION note_order_status();

CREATE CONSTRAINT TRIGGER quota_sold_at_commit AFTER INSERT OR UPDATE OF sold, date_id ON quota
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NOT writes_in_parts()) EXECUTE FUNCTION check_sold();
CREATE CONSTRAINT TRIGGER quota_item_counts_at_commit AFTER INSERT OR DELETE ON quota_item
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NOT writes_in_parts()) EXECUTE FUNCTION check_sold();
CREATE CONSTRAINT TRIGGER position_sold_at_commit AFTER INSERT OR UPDATE OF canceled, item_id, date_id ON order_position
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NOT writes_in_parts()) EXECUTE FUNCTION check_sold();
CREATE CONSTRAINT TRIGGER order_status_at_commit AFTER UPDATE OF status ON orders
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NOT writes_in_parts()) EXECUTE FUNCTION check_sold();
