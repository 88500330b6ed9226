ALTER TABLE item ADD COLUMN attention boolean NOT NULL DEFAULT false;
ALTER TABLE item ADD COLUMN needs_approval boolean NOT NULL DEFAULT false;
ALTER TABLE item ADD COLUMN medium text NOT NULL DEFAULT 'none' CHECK (medium IN ('none', 'may', 'must'));
ALTER TABLE item ADD COLUMN max_data_age_min integer CHECK (max_data_age_min > 0);
ALTER TABLE item ADD COLUMN look_if_unseen boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN item.needs_approval IS 'Orders of it wait for the organizer, before they can be paid or used';
COMMENT ON COLUMN item.medium IS 'Whether a wristband or the like takes the ticket''s place';
COMMENT ON COLUMN item.max_data_age_min IS 'Entry is refused where a station''s data is older than so many minutes; null is never';

ALTER TABLE orders ADD COLUMN needs_approval boolean NOT NULL DEFAULT false;
ALTER TABLE orders ADD COLUMN valid_if_pending boolean NOT NULL DEFAULT false;
ALTER TABLE orders ADD COLUMN attention boolean NOT NULL DEFAULT false;
ALTER TABLE orders ADD COLUMN checkin_text text NOT NULL DEFAULT '';
COMMENT ON COLUMN orders.checkin_text IS 'A sentence for the door about this order; personal data, as name and email are';
COMMENT ON COLUMN orders.valid_if_pending IS 'Admitted although it is not paid';

ALTER TABLE order_position ADD COLUMN blocked boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN order_position.blocked IS 'Refused at every door until somebody lifts it';
