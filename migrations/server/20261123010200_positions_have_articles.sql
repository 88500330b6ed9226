-- Checked for new rows at once; those there are have none of it.
ALTER TABLE order_position
    ADD COLUMN variation_id bigint,
    ADD COLUMN date_id bigint,
    ADD COLUMN addon_to uuid,
    ADD CONSTRAINT order_position_variation FOREIGN KEY (organizer_id, item_id, variation_id)
        REFERENCES variation (organizer_id, item_id, variation_id) NOT VALID,
    ADD CONSTRAINT order_position_date FOREIGN KEY (organizer_id, event_id, date_id)
        REFERENCES event_date (organizer_id, event_id, date_id) NOT VALID,
    ADD CONSTRAINT order_position_addon FOREIGN KEY (organizer_id, addon_to)
        REFERENCES order_position (organizer_id, position_id) NOT VALID;
COMMENT ON COLUMN order_position.addon_to IS 'The position it was sold together with';

-- A lease has a range of blanks for each variation and date of a product; a range is named by its base.
ALTER TABLE blank_range
    ADD COLUMN variation_id bigint,
    ADD COLUMN date_id bigint,
    DROP CONSTRAINT blank_range_pkey,
    ADD CONSTRAINT blank_range_variation FOREIGN KEY (organizer_id, item_id, variation_id)
        REFERENCES variation (organizer_id, item_id, variation_id),
    ADD CONSTRAINT blank_range_date FOREIGN KEY (organizer_id, date_id) REFERENCES event_date (organizer_id, date_id);
ALTER TABLE blank_range ADD PRIMARY KEY (organizer_id, lease_id, base);
CREATE INDEX blank_range_of_variation ON blank_range (organizer_id, item_id, variation_id) WHERE variation_id IS NOT NULL;
CREATE INDEX blank_range_of_date ON blank_range (organizer_id, date_id) WHERE date_id IS NOT NULL;
