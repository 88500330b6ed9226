CREATE TABLE payment (
    organizer_id bigint NOT NULL,
    payment_id uuid NOT NULL,
    order_id uuid NOT NULL,
    provider text NOT NULL CHECK (provider IN ('free', 'bank_transfer', 'cash')),
    amount_minor bigint NOT NULL,
    state text NOT NULL CHECK (state IN ('created', 'confirmed', 'canceled')),
    created_at bigint NOT NULL,
    confirmed_at bigint,
    device_id bigint,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, payment_id),
    FOREIGN KEY (organizer_id, order_id) REFERENCES orders,
    FOREIGN KEY (organizer_id, device_id) REFERENCES device
);
COMMENT ON TABLE payment IS 'Money owed or received for an order, in the event''s currency';
CREATE INDEX payment_order ON payment (organizer_id, order_id);
CREATE INDEX payment_device ON payment (organizer_id, device_id) WHERE device_id IS NOT NULL;
CREATE INDEX payment_confirmed ON payment (organizer_id, confirmed_at) WHERE state = 'confirmed';
CALL guard_tenant('payment', 'SELECT, INSERT, UPDATE');
