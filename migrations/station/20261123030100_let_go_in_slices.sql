-- Scans of an event that this station may not see any more go a few at a time.
CREATE INDEX scan_event ON scan (event_id);

-- 1 where the server has said why: what was kept before it could is replaced by what it says, once.
ALTER TABLE void_blanks ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
ALTER TABLE void_seed ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
