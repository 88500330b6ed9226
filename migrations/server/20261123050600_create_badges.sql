CREATE TABLE badge (
    organizer_id bigint NOT NULL,
    badge_id bigint GENERATED ALWAYS AS IDENTITY,
    event_id bigint NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    layout jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, badge_id),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event
);
COMMENT ON TABLE badge IS 'A card that is printed for guests; layout: what stands where, in tenths of a millimetre';
CREATE INDEX badge_event ON badge (organizer_id, event_id, badge_id);
CALL guard_tenant('badge', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE badge_item (
    organizer_id bigint NOT NULL,
    badge_id bigint NOT NULL,
    item_id bigint NOT NULL,
    PRIMARY KEY (organizer_id, badge_id, item_id),
    FOREIGN KEY (organizer_id, badge_id) REFERENCES badge ON DELETE CASCADE,
    FOREIGN KEY (organizer_id, item_id) REFERENCES item ON DELETE CASCADE
);
COMMENT ON TABLE badge_item IS 'The products a badge is for; none is every product without one of its own';
CREATE INDEX badge_item_item ON badge_item (organizer_id, item_id);
CALL guard_tenant('badge_item', 'SELECT, INSERT, DELETE');
