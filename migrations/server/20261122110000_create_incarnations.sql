CREATE TABLE incarnation (
    organizer_id bigint NOT NULL,
    device_id bigint NOT NULL,
    incarnation bigint NOT NULL CHECK (incarnation > 0),
    run bigint NOT NULL DEFAULT 0 CHECK (run >= 0),
    highest bigint NOT NULL DEFAULT 0 CHECK (highest >= run),
    closed_seq bigint,
    told_seq bigint NOT NULL DEFAULT 0,
    told_hash bytea CHECK (length(told_hash) = 32),
    revoked_seq bigint,
    revoked_hash bytea CHECK (length(revoked_hash) = 32),
    token_hash bytea CHECK (length(token_hash) = 32),
    token_before bytea CHECK (length(token_before) = 32),
    machine text NOT NULL DEFAULT '',
    clock bigint,
    doubted boolean NOT NULL DEFAULT false,
    PRIMARY KEY (organizer_id, device_id, incarnation),
    FOREIGN KEY (organizer_id, device_id) REFERENCES device
);
COMMENT ON TABLE incarnation IS 'One unbroken life of a station. run: nothing of its journal is missing up to here; highest: the highest number stored; told: what it last said of its length; revoked: the last entry known when the device was switched off; tokens: SHA-256 of the last two handed out';
CALL guard_tenant('incarnation', 'SELECT, INSERT, UPDATE');

CREATE TABLE device_key (
    organizer_id bigint NOT NULL,
    device_id bigint NOT NULL,
    after_incarnation bigint NOT NULL,
    after_seq bigint NOT NULL,
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    learned_at bigint NOT NULL,
    PRIMARY KEY (organizer_id, device_id, after_incarnation, after_seq),
    FOREIGN KEY (organizer_id, device_id) REFERENCES device
);
COMMENT ON TABLE device_key IS 'Keys a device took after the one of its enrolment (device.public_key): each signs what comes after the entry that named it';
CALL guard_tenant('device_key', 'SELECT, INSERT');

ALTER TABLE device
    ADD COLUMN suspended_at bigint,
    ADD COLUMN protocol bigint NOT NULL DEFAULT 1;
COMMENT ON COLUMN device.suspended_at IS 'Since when it gets no units and rights: its journal has two branches';
COMMENT ON COLUMN device.protocol IS 'The version it last spoke';

ALTER TABLE journal_entry ADD COLUMN about uuid;
COMMENT ON COLUMN journal_entry.about IS 'The order this entry is about: what refers to a parked entry parks with it';
CREATE INDEX journal_entry_parked ON journal_entry (organizer_id, device_id) WHERE outcome = 'parked';

-- What cannot be an entry of the station it names stands beside the journal, under the bytes it came in.
CREATE TABLE quarantine (
    organizer_id bigint NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    carrier_id bigint NOT NULL,
    device_id bigint NOT NULL,
    incarnation bigint NOT NULL,
    seq bigint NOT NULL,
    why text NOT NULL,
    raw bytea NOT NULL,
    received_at bigint NOT NULL,
    case_id uuid NOT NULL,
    settled_at bigint,
    PRIMARY KEY (organizer_id, digest),
    FOREIGN KEY (organizer_id, carrier_id) REFERENCES device,
    FOREIGN KEY (organizer_id, case_id) REFERENCES station_case
);
COMMENT ON TABLE quarantine IS 'Entries whose hash or signature is not right, or of a station that is not known: kept as they came. device_id, incarnation, seq: what they claim';
CREATE INDEX quarantine_claim ON quarantine (organizer_id, device_id, incarnation, seq);
CREATE INDEX quarantine_carrier ON quarantine (organizer_id, carrier_id);
CREATE INDEX quarantine_case ON quarantine (organizer_id, case_id);
CALL guard_tenant('quarantine', 'SELECT, INSERT, UPDATE (settled_at)');
