-- no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS change_urgent ON change (organizer_id, position) WHERE urgent;
