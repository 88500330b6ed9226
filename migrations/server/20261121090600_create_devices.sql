CREATE TABLE device (
    organizer_id bigint NOT NULL REFERENCES organizer,
    device_id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL CHECK (name <> ''),
    gate text NOT NULL DEFAULT '',
    role text NOT NULL CHECK (role IN ('door', 'till')),
    all_events boolean NOT NULL DEFAULT false,
    enrol_token_hash bytea CHECK (length(enrol_token_hash) = 32),
    enrol_expires_at bigint,
    public_key bytea CHECK (length(public_key) = 32),
    token_hash bytea CHECK (length(token_hash) = 32),
    enrolled_at bigint,
    last_contact_at bigint,
    revoked_at bigint,
    software text NOT NULL DEFAULT '',
    acked_incarnation bigint NOT NULL DEFAULT 0,
    acked_seq bigint NOT NULL DEFAULT 0,
    waiting bigint NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, device_id)
);
COMMENT ON TABLE device IS 'A machine of an organizer; of its tokens only SHA-256 is kept. waiting: facts it last said exist only there';
CREATE UNIQUE INDEX device_name ON device (organizer_id, name) WHERE revoked_at IS NULL;
CALL guard_tenant('device', 'SELECT, INSERT, UPDATE');

CREATE TABLE device_event (
    organizer_id bigint NOT NULL,
    device_id bigint NOT NULL,
    event_id bigint NOT NULL,
    PRIMARY KEY (organizer_id, device_id, event_id),
    FOREIGN KEY (organizer_id, device_id) REFERENCES device ON DELETE CASCADE,
    FOREIGN KEY (organizer_id, event_id) REFERENCES event ON DELETE CASCADE
);
COMMENT ON TABLE device_event IS 'The events a device may see, unless all_events';
CREATE INDEX device_event_event ON device_event (organizer_id, event_id);
CALL guard_tenant('device_event', 'SELECT, INSERT, DELETE');
