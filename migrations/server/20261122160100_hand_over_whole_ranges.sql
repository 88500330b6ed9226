-- A range that was handed over whole begins where the giver's began: it stands in both leases, with its blanks in one.
ALTER TABLE blank_range DROP CONSTRAINT blank_range_organizer_id_base_key;
CREATE INDEX blank_range_base ON blank_range (organizer_id, base);
