-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS order_position_of_addon ON order_position (organizer_id, addon_to) WHERE addon_to IS NOT NULL;
