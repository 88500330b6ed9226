-- What was dropped of a journal: everything up to `upto`. Rebuilt from the journal, whose entry `seq` says so.
CREATE TABLE checkpoint (
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    upto INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    state_hash TEXT NOT NULL,
    entries INTEGER NOT NULL,
    sales INTEGER NOT NULL,
    receipts INTEGER NOT NULL,
    PRIMARY KEY (station, incarnation)
) STRICT, WITHOUT ROWID;
