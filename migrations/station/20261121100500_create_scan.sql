-- Scans of all stations; a grow-only set. Own rows are rebuilt from the journal.
CREATE TABLE scan (
    scan_id BLOB PRIMARY KEY CHECK (length(scan_id) = 16),
    event_id INTEGER NOT NULL,
    list_id INTEGER NOT NULL,
    position_id BLOB CHECK (length(position_id) = 16),
    payload_hash BLOB CHECK (length(payload_hash) = 32),
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    gate TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('entry', 'exit')),
    class TEXT NOT NULL CHECK (class IN ('admitted', 'look', 'used', 'refused')),
    reason TEXT,
    at INTEGER NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0,
    saw TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX scan_position ON scan (position_id) WHERE position_id IS NOT NULL;
CREATE INDEX scan_payload ON scan (payload_hash) WHERE payload_hash IS NOT NULL;
CREATE INDEX scan_list ON scan (list_id, class, undone);

-- The newest verdicts as they were shown here; without names.
CREATE TABLE verdict (
    shown INTEGER PRIMARY KEY AUTOINCREMENT,
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    view TEXT NOT NULL
) STRICT;
