-- The server's histories in the order this station met them; `epoch` orders rows across them.
CREATE TABLE history (
    epoch INTEGER PRIMARY KEY AUTOINCREMENT,
    history BLOB NOT NULL UNIQUE CHECK (length(history) = 16)
) STRICT;

-- How far the change feed was read.
CREATE TABLE cursor (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL REFERENCES history,
    position INTEGER NOT NULL
) STRICT;

-- The last contact, and when this station was last caught up; both by the wall clock.
CREATE TABLE contact (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    last_at INTEGER,
    offset_ms INTEGER,
    uncertainty_ms INTEGER,
    caught_up_at INTEGER
) STRICT;

-- Rows that are no longer, so that an older one cannot come back.
CREATE TABLE tombstone (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
