CREATE TABLE voucher (
    organizer_id bigint NOT NULL,
    voucher_id bigint GENERATED ALWAYS AS IDENTITY,
    event_id bigint NOT NULL,
    code text NOT NULL CHECK (code <> '' AND code = upper(code)),
    effect jsonb NOT NULL,
    item_id bigint,
    home_device_id bigint,
    active boolean NOT NULL DEFAULT true,
    uses bigint NOT NULL DEFAULT 0 CHECK (uses >= 0),
    excess bigint NOT NULL DEFAULT 0 CHECK (excess >= 0),
    made_at bigint NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, voucher_id),
    UNIQUE (organizer_id, code),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event,
    FOREIGN KEY (organizer_id, item_id) REFERENCES item,
    FOREIGN KEY (organizer_id, home_device_id) REFERENCES device (organizer_id, device_id),
    CONSTRAINT voucher_spent_once CHECK (uses <= 1 + excess)
);
COMMENT ON TABLE voucher IS 'A code that gives its bearer a price once. home_device_id: the till that may spend it without asking; uses beyond the first are excess, each with a case';
CREATE INDEX voucher_event ON voucher (organizer_id, event_id, voucher_id);
CREATE INDEX voucher_item ON voucher (organizer_id, item_id) WHERE item_id IS NOT NULL;
CREATE INDEX voucher_home ON voucher (organizer_id, home_device_id) WHERE home_device_id IS NOT NULL;
CALL guard_tenant('voucher', 'SELECT, INSERT, UPDATE');

CREATE TABLE voucher_use (
    organizer_id bigint NOT NULL,
    position_id uuid NOT NULL,
    voucher_id bigint NOT NULL,
    device_id bigint NOT NULL,
    at bigint NOT NULL,
    undone_at bigint,
    PRIMARY KEY (organizer_id, position_id),
    FOREIGN KEY (organizer_id, position_id) REFERENCES order_position,
    FOREIGN KEY (organizer_id, voucher_id) REFERENCES voucher,
    FOREIGN KEY (organizer_id, device_id) REFERENCES device
);
COMMENT ON TABLE voucher_use IS 'Which position a voucher was spent on, by which till; undone_at: the sale was undone and the voucher may be spent again';
CREATE INDEX voucher_use_voucher ON voucher_use (organizer_id, voucher_id);
CREATE INDEX voucher_use_device ON voucher_use (organizer_id, device_id);
CALL guard_tenant('voucher_use', 'SELECT, INSERT, UPDATE (undone_at)');

CREATE TABLE voucher_log (
    organizer_id bigint NOT NULL,
    voucher_log_id bigint GENERATED ALWAYS AS IDENTITY,
    voucher_id bigint NOT NULL,
    what text NOT NULL CHECK (what IN ('made', 'home', 'on', 'off')),
    device_id bigint,
    at bigint NOT NULL,
    staff_id bigint,
    person text NOT NULL,
    PRIMARY KEY (organizer_id, voucher_log_id),
    FOREIGN KEY (organizer_id, voucher_id) REFERENCES voucher,
    FOREIGN KEY (organizer_id, device_id) REFERENCES device,
    FOREIGN KEY (organizer_id, staff_id) REFERENCES staff (organizer_id, staff_id) ON DELETE SET NULL (staff_id)
);
COMMENT ON TABLE voucher_log IS 'Who made a voucher, named its home till (device_id; null is none), or switched it on or off, and when';
CREATE INDEX voucher_log_voucher ON voucher_log (organizer_id, voucher_id, at);
CREATE INDEX voucher_log_device ON voucher_log (organizer_id, device_id) WHERE device_id IS NOT NULL;
CREATE INDEX voucher_log_staff ON voucher_log (organizer_id, staff_id) WHERE staff_id IS NOT NULL;
CALL guard_tenant('voucher_log', 'SELECT, INSERT');
