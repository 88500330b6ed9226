-- What the organizer set for this device besides name, gate, role and rights (JSON).
ALTER TABLE device ADD COLUMN setup TEXT NOT NULL DEFAULT '{}';
-- There was no right to search before: everybody might, and goes on doing so until the server says otherwise.
UPDATE device SET rights = json_insert(rights, '$[#]', 'search');

-- People who may sign in here, as the server sent them (JSON in `data`), and wrong PINs since the last right one.
CREATE TABLE operator (
    id INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL,
    data TEXT NOT NULL,
    wrong INTEGER NOT NULL DEFAULT 0,
    wrong_at INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Rebuilt from the journal: badges that left the printer.
CREATE TABLE badge_print (
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    position_id BLOB NOT NULL CHECK (length(position_id) = 16),
    copy INTEGER NOT NULL,
    PRIMARY KEY (station, incarnation, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX badge_print_position ON badge_print (position_id);

-- Scans that let nobody in, as they were shown here; without names, kept longer than the newest verdicts.
CREATE TABLE refused_scan (
    shown INTEGER PRIMARY KEY AUTOINCREMENT,
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    view TEXT NOT NULL
) STRICT;
