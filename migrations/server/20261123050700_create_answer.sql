CREATE TABLE answer (
    organizer_id bigint NOT NULL,
    entry_id uuid NOT NULL,
    question_id bigint NOT NULL,
    event_id bigint NOT NULL,
    position_id uuid,
    payload_hash text,
    scan_id uuid NOT NULL,
    device_id bigint NOT NULL,
    value text,
    at bigint NOT NULL,
    PRIMARY KEY (organizer_id, entry_id, question_id),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event,
    FOREIGN KEY (organizer_id, device_id) REFERENCES device
);
COMMENT ON TABLE answer IS 'What holders of tickets answered at the door, by the entry that says so; the newest of a question counts';
COMMENT ON COLUMN answer.value IS 'As it was taken; empty where it was left open, null where it was erased or never came';
CREATE INDEX answer_position ON answer (organizer_id, position_id) WHERE position_id IS NOT NULL;
CREATE INDEX answer_question ON answer (organizer_id, question_id);
CREATE INDEX answer_event ON answer (organizer_id, event_id);
CREATE INDEX answer_device ON answer (organizer_id, device_id);
CALL guard_tenant('answer', 'SELECT, INSERT, UPDATE');

CREATE TABLE medium (
    organizer_id bigint NOT NULL,
    medium_id uuid NOT NULL,
    event_id bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('barcode', 'nfc_uid')),
    identifier text,
    identifier_hash text NOT NULL CHECK (identifier_hash ~ '^[0-9a-f]{64}$'),
    position_id uuid,
    active boolean NOT NULL DEFAULT true,
    expires_at bigint,
    device_id bigint,
    exchanged_at bigint,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, medium_id),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event,
    FOREIGN KEY (organizer_id, device_id) REFERENCES device
);
COMMENT ON TABLE medium IS 'Wristbands and the like that stand for tickets. A position may be named whose sale has not arrived, so that is no foreign key';
COMMENT ON COLUMN medium.identifier IS 'What a reader reads; null where it was erased or never came. Stations are told the digest only';
CREATE INDEX medium_event ON medium (organizer_id, event_id, identifier_hash);
CREATE INDEX medium_position ON medium (organizer_id, position_id) WHERE position_id IS NOT NULL;
CREATE INDEX medium_device ON medium (organizer_id, device_id) WHERE device_id IS NOT NULL;
CALL guard_tenant('medium', 'SELECT, INSERT, UPDATE');
