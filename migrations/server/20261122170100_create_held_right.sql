CREATE TABLE held_right (
    organizer_id bigint NOT NULL,
    right_id uuid NOT NULL,
    event_id bigint NOT NULL,
    device_id bigint NOT NULL,
    voucher_id bigint,
    order_id uuid,
    request_id uuid NOT NULL,
    body jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('granted', 'taken', 'spent', 'released', 'lost', 'stolen')),
    recalled boolean NOT NULL DEFAULT false,
    proved_wrong boolean NOT NULL DEFAULT false,
    incarnation bigint,
    granted_at bigint NOT NULL,
    ended_at bigint,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, right_id),
    UNIQUE (organizer_id, device_id, request_id),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event,
    FOREIGN KEY (organizer_id, device_id) REFERENCES device,
    FOREIGN KEY (organizer_id, voucher_id) REFERENCES voucher,
    FOREIGN KEY (organizer_id, order_id) REFERENCES orders,
    CONSTRAINT held_right_about_one_thing CHECK (num_nonnulls(voucher_id, order_id) = 1)
);
COMMENT ON TABLE held_right IS 'The permission of one station to do what may happen once: spend a voucher, pay or refund a web order. body: as it was signed; incarnation: of the journal that took it';
CREATE UNIQUE INDEX held_right_one_holder_of_a_voucher ON held_right (organizer_id, voucher_id)
    WHERE voucher_id IS NOT NULL AND state IN ('granted', 'taken');
CREATE UNIQUE INDEX held_right_one_holder_of_an_order ON held_right (organizer_id, order_id)
    WHERE order_id IS NOT NULL AND state IN ('granted', 'taken');
CREATE INDEX held_right_device ON held_right (organizer_id, device_id, granted_at);
CREATE INDEX held_right_event ON held_right (organizer_id, event_id);
CREATE INDEX held_right_voucher ON held_right (organizer_id, voucher_id) WHERE voucher_id IS NOT NULL;
CREATE INDEX held_right_order ON held_right (organizer_id, order_id) WHERE order_id IS NOT NULL;
CALL guard_tenant('held_right', 'SELECT, INSERT, UPDATE');

CREATE TABLE right_write_off (
    organizer_id bigint NOT NULL,
    right_id uuid NOT NULL,
    how text NOT NULL CHECK (how IN ('lost', 'stolen')),
    at bigint NOT NULL,
    staff_id bigint,
    person text NOT NULL,
    PRIMARY KEY (organizer_id, right_id),
    FOREIGN KEY (organizer_id, right_id) REFERENCES held_right,
    FOREIGN KEY (organizer_id, staff_id) REFERENCES staff (organizer_id, staff_id) ON DELETE SET NULL (staff_id)
);
COMMENT ON TABLE right_write_off IS 'Who gave up the holder of a right, when, and how';
CREATE INDEX right_write_off_staff ON right_write_off (organizer_id, staff_id) WHERE staff_id IS NOT NULL;
CALL guard_tenant('right_write_off', 'SELECT, INSERT');
