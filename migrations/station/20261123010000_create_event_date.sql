-- Dates of events, as they travelled (JSON in `data`), and what positions, blanks and sales are of besides their product:
-- a variation, a date, the position they belong to. Null is none.
CREATE TABLE event_date (
    id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL, epoch INTEGER NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE INDEX event_date_event ON event_date (event_id);

ALTER TABLE position ADD COLUMN variation_id INTEGER;
ALTER TABLE position ADD COLUMN date_id INTEGER;
ALTER TABLE position ADD COLUMN addon_to BLOB CHECK (length(addon_to) = 16);

ALTER TABLE sale_line ADD COLUMN variation_id INTEGER;
ALTER TABLE sale_line ADD COLUMN date_id INTEGER;
ALTER TABLE sale_line ADD COLUMN addon_to BLOB CHECK (length(addon_to) = 16);

-- A lease has a range of blanks for each variation and date of a product, each counted from 0.
ALTER TABLE blank ADD COLUMN variation_id INTEGER;
ALTER TABLE blank ADD COLUMN date_id INTEGER;
DROP INDEX blank_order;
DROP INDEX blank_unused;
CREATE UNIQUE INDEX blank_order ON blank (lease_id, item_id, coalesce(variation_id, 0), coalesce(date_id, 0), n);
CREATE INDEX blank_unused ON blank (lease_id, item_id, variation_id, date_id, n) WHERE used = 0;
