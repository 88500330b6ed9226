CREATE TABLE scan (
    organizer_id bigint NOT NULL,
    scan_id uuid NOT NULL,
    event_id bigint NOT NULL,
    list_id bigint NOT NULL,
    position_id uuid,
    payload_hash text,
    device_id bigint NOT NULL,
    incarnation bigint NOT NULL,
    seq bigint NOT NULL,
    direction text NOT NULL CHECK (direction IN ('entry', 'exit')),
    class text NOT NULL CHECK (class IN ('admitted', 'look', 'used', 'refused')),
    reason text,
    at bigint NOT NULL,
    gate text NOT NULL DEFAULT '',
    undone boolean NOT NULL DEFAULT false,
    saw jsonb NOT NULL DEFAULT '[]',
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, scan_id),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event,
    FOREIGN KEY (organizer_id, list_id) REFERENCES checkin_list,
    FOREIGN KEY (organizer_id, device_id) REFERENCES device
);
COMMENT ON TABLE scan IS 'Entries, exits and refusals at gates. A scan may name a position whose sale has not arrived yet, so that is no foreign key';
CREATE INDEX scan_position ON scan (organizer_id, position_id) WHERE position_id IS NOT NULL;
CREATE INDEX scan_payload ON scan (organizer_id, payload_hash) WHERE payload_hash IS NOT NULL;
CREATE INDEX scan_list ON scan (organizer_id, list_id, at);
CREATE INDEX scan_event ON scan (organizer_id, event_id, scan_id);
CREATE INDEX scan_device ON scan (organizer_id, device_id);
CALL guard_tenant('scan', 'SELECT, INSERT, UPDATE');
