CREATE TABLE event_key (
    organizer_id bigint NOT NULL,
    event_id bigint NOT NULL,
    number smallint NOT NULL CHECK (number BETWEEN 0 AND 255),
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    private_sealed bytea NOT NULL,
    status text NOT NULL CHECK (status IN ('active', 'retired', 'compromised')),
    created_at bigint NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, event_id, number),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event
);
COMMENT ON TABLE event_key IS 'Keys that sign an event''s tickets; the private half is sealed under a key that is not in the database';
CREATE UNIQUE INDEX event_key_active ON event_key (organizer_id, event_id) WHERE status = 'active';
CALL guard_tenant('event_key', 'SELECT, INSERT, UPDATE');
