-- Cases as the server sent them (JSON in `data`), and how one was closed here. What an earlier program passed over comes
-- again with the next contact.
CREATE TABLE station_case (
    case_id BLOB PRIMARY KEY CHECK (length(case_id) = 16),
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL,
    data TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE case_closed (
    case_id BLOB PRIMARY KEY CHECK (length(case_id) = 16),
    resolution TEXT NOT NULL,
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
DELETE FROM cursor;
