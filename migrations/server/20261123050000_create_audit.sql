CREATE TABLE audit (
    organizer_id bigint NOT NULL REFERENCES organizer,
    audit_id bigint GENERATED ALWAYS AS IDENTITY,
    at bigint NOT NULL,
    staff_id bigint,
    deed text NOT NULL CHECK (deed <> ''),
    event_id bigint,
    subject text NOT NULL DEFAULT '',
    detail jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (organizer_id, audit_id)
);
COMMENT ON TABLE audit IS 'Who changed what when in the back office: never edited, without personal data of guests. No foreign keys, for it outlives what it names. staff_id null: the command line. detail: what it was and what it became';
CREATE INDEX audit_event ON audit (organizer_id, event_id, audit_id);
CALL guard_tenant('audit', 'SELECT, INSERT');
