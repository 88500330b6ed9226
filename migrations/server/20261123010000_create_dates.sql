CREATE TABLE event_date (
    organizer_id bigint NOT NULL,
    date_id bigint GENERATED ALWAYS AS IDENTITY,
    event_id bigint NOT NULL,
    name text NOT NULL DEFAULT '',
    starts_at bigint NOT NULL,
    ends_at bigint CHECK (ends_at >= starts_at),
    admission_at bigint CHECK (admission_at <= starts_at),
    active boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, date_id),
    UNIQUE (organizer_id, event_id, date_id),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event
);
COMMENT ON TABLE event_date IS 'One date of an event that takes place several times; an event that has some sells each position for one of them';
CREATE INDEX event_date_starts ON event_date (organizer_id, event_id, starts_at, date_id);
CALL guard_tenant('event_date', 'SELECT, INSERT, UPDATE, DELETE');

ALTER TABLE quota ADD COLUMN date_id bigint,
    ADD CONSTRAINT quota_of_date FOREIGN KEY (organizer_id, event_id, date_id)
        REFERENCES event_date (organizer_id, event_id, date_id);
COMMENT ON COLUMN quota.date_id IS 'The date whose positions count in it; null is every date';
CREATE INDEX quota_date ON quota (organizer_id, event_id, date_id) WHERE date_id IS NOT NULL;

ALTER TABLE checkin_list ADD COLUMN date_id bigint,
    ADD CONSTRAINT checkin_list_of_date FOREIGN KEY (organizer_id, event_id, date_id)
        REFERENCES event_date (organizer_id, event_id, date_id);
COMMENT ON COLUMN checkin_list.date_id IS 'The date whose tickets it admits; null is any';
CREATE INDEX checkin_list_date ON checkin_list (organizer_id, event_id, date_id) WHERE date_id IS NOT NULL;
