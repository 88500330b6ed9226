CREATE TABLE station_case (
    organizer_id bigint NOT NULL,
    case_id uuid NOT NULL,
    device_id bigint NOT NULL,
    event_id bigint,
    kind text NOT NULL,
    detail jsonb NOT NULL,
    opened_at bigint NOT NULL,
    closed_at bigint,
    closed_by bigint,
    PRIMARY KEY (organizer_id, case_id),
    FOREIGN KEY (organizer_id, device_id) REFERENCES device,
    FOREIGN KEY (organizer_id, event_id) REFERENCES event,
    FOREIGN KEY (organizer_id, closed_by) REFERENCES staff (organizer_id, staff_id)
);
COMMENT ON TABLE station_case IS 'Something a station brought that a person must look at';
CREATE INDEX station_case_open ON station_case (organizer_id, opened_at) WHERE closed_at IS NULL;
CREATE INDEX station_case_device ON station_case (organizer_id, device_id);
CREATE INDEX station_case_event ON station_case (organizer_id, event_id) WHERE event_id IS NOT NULL;
CALL guard_tenant('station_case', 'SELECT, INSERT, UPDATE');

CREATE TABLE journal_entry (
    organizer_id bigint NOT NULL,
    device_id bigint NOT NULL,
    incarnation bigint NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    entry_id uuid NOT NULL,
    kind text NOT NULL,
    at bigint NOT NULL,
    body text NOT NULL,
    private text,
    header jsonb NOT NULL,
    prev_hash bytea NOT NULL CHECK (length(prev_hash) = 32),
    signature bytea NOT NULL CHECK (length(signature) = 64),
    received_at bigint NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('applied', 'applied_with_case', 'parked')),
    case_id uuid,
    PRIMARY KEY (organizer_id, device_id, incarnation, seq, hash),
    FOREIGN KEY (organizer_id, device_id) REFERENCES device,
    FOREIGN KEY (organizer_id, case_id) REFERENCES station_case
);
COMMENT ON TABLE journal_entry IS 'Raw journals of stations, exactly as signed; two entries under one (device, incarnation, seq) are a fork, both kept. private: personal data, erasable without breaking the chain';
CREATE INDEX journal_entry_id ON journal_entry (organizer_id, entry_id);
CREATE INDEX journal_entry_case ON journal_entry (organizer_id, case_id) WHERE case_id IS NOT NULL;
CALL guard_tenant('journal_entry', 'SELECT, INSERT, UPDATE (outcome, case_id, private)');

CREATE TABLE change (
    organizer_id bigint NOT NULL REFERENCES organizer,
    change_id bigint GENERATED ALWAYS AS IDENTITY,
    position bigint,
    event_id bigint,
    kind text NOT NULL,
    subject text NOT NULL,
    gone boolean NOT NULL DEFAULT false,
    at bigint NOT NULL,
    PRIMARY KEY (organizer_id, change_id),
    UNIQUE (organizer_id, position)
);
COMMENT ON TABLE change IS 'What stations must hear of; position is given after commit by the sequencer, without gaps per organizer';
CREATE INDEX change_unnumbered ON change (organizer_id, change_id) WHERE position IS NULL;
CALL guard_tenant('change', 'SELECT, INSERT, UPDATE (position)');

CREATE TABLE change_head (
    organizer_id bigint PRIMARY KEY REFERENCES organizer,
    position bigint NOT NULL
);
COMMENT ON TABLE change_head IS 'The highest position given to a change of an organizer';
CALL guard_tenant('change_head', 'SELECT, INSERT, UPDATE');
