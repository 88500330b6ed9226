-- What the server last said of a lease of this station: recall, write-off. It may be heard before the lease is taken in.
CREATE TABLE lease_word (
    lease_id BLOB PRIMARY KEY CHECK (length(lease_id) = 16),
    state TEXT NOT NULL CHECK (state IN ('open', 'closed', 'lost', 'stolen')),
    keep INTEGER CHECK (keep >= 0),
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Units that went back to the server, as ranges; rebuilt from the journal.
CREATE TABLE lease_returned (
    lease_id BLOB NOT NULL CHECK (length(lease_id) = 16),
    first INTEGER NOT NULL,
    until INTEGER NOT NULL CHECK (until > first),
    PRIMARY KEY (lease_id, first)
) STRICT, WITHOUT ROWID;
