-- Whether this station is still the one it takes itself for: one row an enrolment. `life` is JSON of the domain's
-- account of its incarnations; `since` is when it began to doubt itself; `marked` is set once the end of its journal has
-- been marked outside this database.
CREATE TABLE standing (
    station INTEGER PRIMARY KEY,
    life TEXT NOT NULL,
    since INTEGER,
    marked INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The newest token of a contact, by incarnation; `n` counts what was handed out.
CREATE TABLE resume (
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    n INTEGER NOT NULL,
    token TEXT NOT NULL,
    PRIMARY KEY (station, incarnation)
) STRICT, WITHOUT ROWID;

-- Up to where the server's finished backups hold a journal.
CREATE TABLE safe (
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (station, incarnation)
) STRICT, WITHOUT ROWID;
