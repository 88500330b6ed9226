-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS order_position_of_date ON order_position (organizer_id, event_id, date_id) WHERE date_id IS NOT NULL;
