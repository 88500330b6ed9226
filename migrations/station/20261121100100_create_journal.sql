-- Every fact of this station, append-only. `private` stands beside the chain; `outcome` is the server's, NULL while
-- the fact exists only here. Rows lie in the order they were written, so that a damaged file still gives its ends.
CREATE TABLE journal (
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL CHECK (seq > 0),
    id BLOB NOT NULL CHECK (length(id) = 16),
    kind TEXT NOT NULL,
    at TEXT NOT NULL,
    saw TEXT NOT NULL,
    body TEXT NOT NULL,
    private_hash BLOB NOT NULL CHECK (length(private_hash) = 32),
    prev_hash BLOB NOT NULL CHECK (length(prev_hash) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    signature BLOB NOT NULL CHECK (length(signature) = 64),
    salt TEXT,
    private TEXT,
    outcome TEXT CHECK (outcome IN ('applied', 'applied_with_case', 'parked')),
    case_id BLOB CHECK (length(case_id) = 16),
    UNIQUE (station, incarnation, seq)
) STRICT;
CREATE UNIQUE INDEX journal_id ON journal (id);
CREATE INDEX journal_waiting ON journal (station, incarnation, seq) WHERE outcome IS NULL;
