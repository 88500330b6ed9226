CREATE TABLE lease (
    organizer_id bigint NOT NULL,
    lease_id uuid NOT NULL,
    event_id bigint NOT NULL,
    quota_id bigint NOT NULL,
    device_id bigint NOT NULL,
    granted bigint NOT NULL CHECK (granted > 0),
    sold bigint NOT NULL DEFAULT 0 CHECK (sold >= 0),
    returned bigint NOT NULL DEFAULT 0 CHECK (returned >= 0),
    written_off bigint NOT NULL DEFAULT 0 CHECK (written_off >= 0),
    request_id uuid NOT NULL,
    requested_at bigint NOT NULL,
    accepted_at bigint,
    closed_at bigint,
    grant_body jsonb NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, lease_id),
    UNIQUE (organizer_id, request_id, quota_id),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event,
    FOREIGN KEY (organizer_id, quota_id) REFERENCES quota,
    FOREIGN KEY (organizer_id, device_id) REFERENCES device
);
COMMENT ON TABLE lease IS 'Units of one quota lent to one station; a request over several quotas is several rows, all or none. grant_body is the signed answer, repeated until accepted';
CREATE INDEX lease_device ON lease (organizer_id, device_id);
CREATE INDEX lease_quota ON lease (organizer_id, quota_id);
CREATE INDEX lease_event ON lease (organizer_id, event_id);
CALL guard_tenant('lease', 'SELECT, INSERT, UPDATE');

CREATE TABLE blank_range (
    organizer_id bigint NOT NULL,
    lease_id uuid NOT NULL,
    item_id bigint NOT NULL,
    base uuid NOT NULL,
    count bigint NOT NULL CHECK (count > 0),
    key_number smallint NOT NULL,
    format text NOT NULL CHECK (format IN ('wc1', 'sig1')),
    PRIMARY KEY (organizer_id, lease_id, item_id),
    UNIQUE (organizer_id, base),
    FOREIGN KEY (organizer_id, lease_id) REFERENCES lease,
    FOREIGN KEY (organizer_id, item_id) REFERENCES item
);
COMMENT ON TABLE blank_range IS 'Codes signed in advance for a lease: a range of position ids, never the codes';
CREATE INDEX blank_range_item ON blank_range (organizer_id, item_id);
CALL guard_tenant('blank_range', 'SELECT, INSERT');
