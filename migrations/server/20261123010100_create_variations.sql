CREATE TABLE variation (
    organizer_id bigint NOT NULL,
    variation_id bigint GENERATED ALWAYS AS IDENTITY,
    item_id bigint NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    price_minor bigint CHECK (price_minor >= 0),
    rank integer NOT NULL DEFAULT 0,
    active boolean NOT NULL DEFAULT true,
    checkin_text text NOT NULL DEFAULT '',
    PRIMARY KEY (organizer_id, variation_id),
    UNIQUE (organizer_id, item_id, variation_id),
    FOREIGN KEY (organizer_id, item_id) REFERENCES item ON DELETE CASCADE
);
COMMENT ON TABLE variation IS 'One form of a product; price_minor null is the product''s price. Part of its product: a change raises that one''s version';
CALL guard_tenant('variation', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE item_addon (
    organizer_id bigint NOT NULL,
    item_id bigint NOT NULL,
    to_item_id bigint NOT NULL CHECK (to_item_id <> item_id),
    PRIMARY KEY (organizer_id, item_id, to_item_id),
    FOREIGN KEY (organizer_id, item_id) REFERENCES item ON DELETE CASCADE,
    FOREIGN KEY (organizer_id, to_item_id) REFERENCES item (organizer_id, item_id) ON DELETE CASCADE
);
COMMENT ON TABLE item_addon IS 'A product that is sold only together with another: item_id with to_item_id';
CREATE INDEX item_addon_to ON item_addon (organizer_id, to_item_id);
CALL guard_tenant('item_addon', 'SELECT, INSERT, DELETE');
