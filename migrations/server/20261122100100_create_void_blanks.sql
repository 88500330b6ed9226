CREATE TABLE void_blanks (
    organizer_id bigint NOT NULL,
    event_id bigint NOT NULL,
    lease_id uuid NOT NULL,
    item_id bigint NOT NULL,
    base uuid NOT NULL,
    from_n bigint NOT NULL CHECK (from_n >= 0),
    until_n bigint NOT NULL CHECK (until_n > from_n),
    why text NOT NULL CHECK (why IN ('void', 'lost', 'stolen')),
    at bigint NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, base, from_n),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event,
    FOREIGN KEY (organizer_id, lease_id) REFERENCES lease,
    FOREIGN KEY (organizer_id, item_id) REFERENCES item
);
COMMENT ON TABLE void_blanks IS 'Codes signed in advance that will never be a ticket: numbers from_n to until_n of the range of base';
CREATE INDEX void_blanks_event ON void_blanks (organizer_id, event_id);
CREATE INDEX void_blanks_lease ON void_blanks (organizer_id, lease_id);
CREATE INDEX void_blanks_item ON void_blanks (organizer_id, item_id);
CALL guard_tenant('void_blanks', 'SELECT, INSERT, UPDATE (until_n, why, version)');

CREATE TABLE write_off (
    organizer_id bigint NOT NULL,
    write_off_id uuid NOT NULL,
    quota_id bigint NOT NULL,
    lease_id uuid,
    hand_over_id uuid,
    device_id bigint NOT NULL,
    how text NOT NULL CHECK (how IN ('lost', 'stolen')),
    units bigint NOT NULL CHECK (units >= 0),
    waiting bigint NOT NULL CHECK (waiting >= 0),
    heard_at bigint,
    at bigint NOT NULL,
    staff_id bigint,
    person text NOT NULL,
    PRIMARY KEY (organizer_id, write_off_id),
    FOREIGN KEY (organizer_id, quota_id) REFERENCES quota,
    FOREIGN KEY (organizer_id, lease_id) REFERENCES lease,
    FOREIGN KEY (organizer_id, hand_over_id) REFERENCES hand_over,
    FOREIGN KEY (organizer_id, device_id) REFERENCES device,
    FOREIGN KEY (organizer_id, staff_id) REFERENCES staff (organizer_id, staff_id) ON DELETE SET NULL (staff_id)
);
COMMENT ON TABLE write_off IS 'Who gave units of a station up, when, how many, and what was known of it then: facts it said were waiting, and when it was last heard of';
CREATE INDEX write_off_quota ON write_off (organizer_id, quota_id);
CREATE INDEX write_off_lease ON write_off (organizer_id, lease_id);
CREATE INDEX write_off_hand_over ON write_off (organizer_id, hand_over_id);
CREATE INDEX write_off_device ON write_off (organizer_id, device_id, at);
CREATE INDEX write_off_staff ON write_off (organizer_id, staff_id) WHERE staff_id IS NOT NULL;
CALL guard_tenant('write_off', 'SELECT, INSERT');
