-- Rows of the server's catalogue as they travelled (JSON in `data`), with what they are found by.
CREATE TABLE event (
    id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE TABLE item (
    id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL, epoch INTEGER NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE INDEX item_event ON item (event_id);
CREATE TABLE quota (
    id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL, epoch INTEGER NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE INDEX quota_event ON quota (event_id);
CREATE TABLE list (
    id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL, epoch INTEGER NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE INDEX list_event ON list (event_id);
CREATE TABLE event_key (
    event_id INTEGER NOT NULL, number INTEGER NOT NULL, epoch INTEGER NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (event_id, number)
) STRICT, WITHOUT ROWID;
