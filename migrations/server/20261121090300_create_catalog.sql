CREATE TABLE event (
    organizer_id bigint NOT NULL REFERENCES organizer,
    event_id bigint GENERATED ALWAYS AS IDENTITY,
    slug text NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL CHECK (name <> ''),
    description text NOT NULL DEFAULT '',
    location text NOT NULL DEFAULT '',
    zone text NOT NULL,
    currency char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    starts_at bigint NOT NULL,
    ends_at bigint CHECK (ends_at >= starts_at),
    admission_at bigint,
    live boolean NOT NULL DEFAULT false,
    code_format text NOT NULL DEFAULT 'wc1' CHECK (code_format IN ('wc1', 'sig1')),
    takes_bank_transfer boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, event_id),
    UNIQUE (organizer_id, slug)
);
COMMENT ON TABLE event IS 'Something people attend; its currency is the currency of every amount below it';
CALL guard_tenant('event', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE item (
    organizer_id bigint NOT NULL,
    item_id bigint GENERATED ALWAYS AS IDENTITY,
    event_id bigint NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    category text NOT NULL DEFAULT '',
    description text NOT NULL DEFAULT '',
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    tax_rate_bp integer NOT NULL DEFAULT 0 CHECK (tax_rate_bp BETWEEN 0 AND 10000),
    rank integer NOT NULL DEFAULT 0,
    active boolean NOT NULL DEFAULT true,
    admission boolean NOT NULL DEFAULT true,
    look_at_id boolean NOT NULL DEFAULT false,
    checkin_text text NOT NULL DEFAULT '',
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, item_id),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event
);
COMMENT ON TABLE item IS 'A product; price_minor is gross, tax_rate_bp in hundredths of a percent';
CREATE INDEX item_event ON item (organizer_id, event_id, rank, item_id);
CALL guard_tenant('item', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE quota (
    organizer_id bigint NOT NULL,
    quota_id bigint GENERATED ALWAYS AS IDENTITY,
    event_id bigint NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    size bigint CHECK (size >= 0),
    sold bigint NOT NULL DEFAULT 0 CHECK (sold >= 0),
    leased bigint NOT NULL DEFAULT 0 CHECK (leased >= 0),
    excess bigint NOT NULL DEFAULT 0 CHECK (excess >= 0),
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, quota_id),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event,
    CONSTRAINT quota_not_oversold CHECK (size IS NULL OR sold + leased <= size + excess)
);
COMMENT ON TABLE quota IS 'How many may be sold; size null is unlimited, leased counts units outstanding at stations';
CREATE INDEX quota_event ON quota (organizer_id, event_id);
CALL guard_tenant('quota', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE quota_item (
    organizer_id bigint NOT NULL,
    quota_id bigint NOT NULL,
    item_id bigint NOT NULL,
    PRIMARY KEY (organizer_id, quota_id, item_id),
    FOREIGN KEY (organizer_id, quota_id) REFERENCES quota ON DELETE CASCADE,
    FOREIGN KEY (organizer_id, item_id) REFERENCES item ON DELETE CASCADE
);
COMMENT ON TABLE quota_item IS 'Which products count in which quota';
CREATE INDEX quota_item_item ON quota_item (organizer_id, item_id);
CALL guard_tenant('quota_item', 'SELECT, INSERT, DELETE');
