ALTER TABLE event_key
    ADD COLUMN next boolean NOT NULL DEFAULT false,
    ADD COLUMN backup text CHECK (backup IN ('begun', 'finished')),
    ADD CHECK (NOT next OR status = 'retired');
COMMENT ON COLUMN event_key.next IS 'The key that signs next: stations have it and verify by it before it signs. Its status is one that earlier versions verify by';
COMMENT ON COLUMN event_key.backup IS 'Whether a backup that has it was begun, and finished; whoever makes backups says so';
CREATE UNIQUE INDEX event_key_next ON event_key (organizer_id, event_id) WHERE next;
