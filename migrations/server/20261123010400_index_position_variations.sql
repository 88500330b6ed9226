-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS order_position_of_variation ON order_position (organizer_id, item_id, variation_id) WHERE variation_id IS NOT NULL;
