ALTER TABLE change ADD COLUMN urgent boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN change.urgent IS 'Sent ahead of the others to a station that has much to read: revocations, keys, scans, what a device may do';
