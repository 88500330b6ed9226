CREATE TABLE erasure (
    organizer_id bigint NOT NULL,
    erase_id uuid NOT NULL,
    order_id uuid NOT NULL,
    event_id bigint NOT NULL,
    body text NOT NULL,
    signature text NOT NULL,
    at bigint NOT NULL,
    staff_id bigint,
    PRIMARY KEY (organizer_id, erase_id),
    FOREIGN KEY (organizer_id, order_id) REFERENCES orders,
    FOREIGN KEY (organizer_id, event_id) REFERENCES event,
    FOREIGN KEY (organizer_id, staff_id) REFERENCES staff (organizer_id, staff_id)
);
COMMENT ON TABLE erasure IS 'Personal data that was erased for good: what was signed for every machine that has a copy. Names nobody';
CREATE INDEX erasure_order ON erasure (organizer_id, order_id);
CREATE INDEX erasure_event ON erasure (organizer_id, event_id);
CREATE INDEX erasure_staff ON erasure (organizer_id, staff_id) WHERE staff_id IS NOT NULL;
CALL guard_tenant('erasure', 'SELECT, INSERT');

CREATE TABLE erasure_machine (
    organizer_id bigint NOT NULL,
    erase_id uuid NOT NULL,
    device_id bigint NOT NULL,
    confirmed_at bigint,
    PRIMARY KEY (organizer_id, erase_id, device_id),
    FOREIGN KEY (organizer_id, erase_id) REFERENCES erasure,
    FOREIGN KEY (organizer_id, device_id) REFERENCES device
);
COMMENT ON TABLE erasure_machine IS 'Machines that may have a copy, and when each said it has erased it: by having read the change';
CREATE INDEX erasure_machine_open ON erasure_machine (organizer_id, device_id) WHERE confirmed_at IS NULL;
CREATE INDEX erasure_machine_device ON erasure_machine (organizer_id, device_id);
CALL guard_tenant('erasure_machine', 'SELECT, INSERT, UPDATE (confirmed_at)');
