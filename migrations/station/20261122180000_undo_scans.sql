-- How far the time of a scan may be wrong; -1 where nobody knows.
ALTER TABLE scan ADD COLUMN uncertainty_ms INTEGER NOT NULL DEFAULT -1;

-- Scans that are as if they never were, by the entries that say so; the scan itself may come later.
CREATE TABLE scan_undone (
    scan_id BLOB PRIMARY KEY CHECK (length(scan_id) = 16),
    list_id INTEGER NOT NULL,
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
