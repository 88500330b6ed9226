CREATE TABLE orders (
    organizer_id bigint NOT NULL,
    order_id uuid NOT NULL,
    event_id bigint NOT NULL,
    code text NOT NULL CHECK (code ~ '^[0-9A-Z][0-9A-Z-]{3,30}$'),
    status text NOT NULL CHECK (status IN ('pending', 'paid', 'expired', 'canceled')),
    name text NOT NULL DEFAULT '',
    email text NOT NULL DEFAULT '',
    language text NOT NULL DEFAULT 'en',
    total_minor bigint NOT NULL,
    channel text NOT NULL CHECK (channel IN ('web', 'till', 'office')),
    device_id bigint,
    placed_at bigint NOT NULL,
    expires_at bigint,
    canceled_at bigint,
    request_id uuid,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, order_id),
    UNIQUE (organizer_id, code),
    UNIQUE (organizer_id, request_id),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event,
    FOREIGN KEY (organizer_id, device_id) REFERENCES device
);
COMMENT ON TABLE orders IS 'A contract with a buyer; name and email are personal data and stand nowhere else but order_position.attendee_name';
CREATE INDEX orders_event ON orders (organizer_id, event_id, placed_at DESC, order_id);
CREATE INDEX orders_email ON orders (organizer_id, lower(email));
CREATE INDEX orders_device ON orders (organizer_id, device_id) WHERE device_id IS NOT NULL;
CREATE INDEX orders_expiry ON orders (expires_at) WHERE status = 'pending';
CALL guard_tenant('orders', 'SELECT, INSERT, UPDATE');

CREATE TABLE order_position (
    organizer_id bigint NOT NULL,
    position_id uuid NOT NULL,
    order_id uuid NOT NULL,
    event_id bigint NOT NULL,
    item_id bigint NOT NULL,
    price_minor bigint NOT NULL,
    tax_rate_bp integer NOT NULL,
    tax_minor bigint NOT NULL,
    attendee_name text NOT NULL DEFAULT '',
    issue smallint NOT NULL DEFAULT 1 CHECK (issue BETWEEN 0 AND 255),
    canceled boolean NOT NULL DEFAULT false,
    plain_code text,
    lease_id uuid,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, position_id),
    FOREIGN KEY (organizer_id, order_id) REFERENCES orders,
    FOREIGN KEY (organizer_id, event_id) REFERENCES event,
    FOREIGN KEY (organizer_id, item_id) REFERENCES item,
    FOREIGN KEY (organizer_id, lease_id) REFERENCES lease
);
COMMENT ON TABLE order_position IS 'One sold thing; a ticket where its item admits. plain_code: an unsigned secret in place of the signed code';
CREATE INDEX order_position_order ON order_position (organizer_id, order_id);
CREATE INDEX order_position_event ON order_position (organizer_id, event_id, position_id);
CREATE INDEX order_position_item ON order_position (organizer_id, item_id);
CREATE INDEX order_position_lease ON order_position (organizer_id, lease_id) WHERE lease_id IS NOT NULL;
CREATE UNIQUE INDEX order_position_plain_code ON order_position (organizer_id, event_id, plain_code) WHERE plain_code IS NOT NULL;
CALL guard_tenant('order_position', 'SELECT, INSERT, UPDATE');

CREATE TABLE lease_unit (
    organizer_id bigint NOT NULL,
    lease_id uuid NOT NULL,
    unit bigint NOT NULL CHECK (unit >= 0),
    position_id uuid NOT NULL,
    PRIMARY KEY (organizer_id, lease_id, unit),
    FOREIGN KEY (organizer_id, lease_id) REFERENCES lease,
    FOREIGN KEY (organizer_id, position_id) REFERENCES order_position
);
COMMENT ON TABLE lease_unit IS 'Which position a leased unit was sold to: one unit is sold once';
CREATE INDEX lease_unit_position ON lease_unit (organizer_id, position_id);
CALL guard_tenant('lease_unit', 'SELECT, INSERT, DELETE');
