-- Units lent to this station; rebuilt from the journal. A lease is sold from only in the incarnation that took it in.
CREATE TABLE lease (
    lease_id BLOB PRIMARY KEY CHECK (length(lease_id) = 16),
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    quota_id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    granted INTEGER NOT NULL CHECK (granted >= 0),
    sold INTEGER NOT NULL DEFAULT 0 CHECK (sold BETWEEN 0 AND granted),
    accepted_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Codes signed in advance that came with a lease; never part of the journal.
CREATE TABLE blank (
    position_id BLOB PRIMARY KEY CHECK (length(position_id) = 16),
    lease_id BLOB NOT NULL CHECK (length(lease_id) = 16),
    item_id INTEGER NOT NULL,
    n INTEGER NOT NULL,
    code TEXT NOT NULL,
    seed INTEGER NOT NULL,
    used INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX blank_order ON blank (lease_id, item_id, n);
CREATE INDEX blank_unused ON blank (lease_id, item_id, n) WHERE used = 0;
CREATE INDEX blank_seed ON blank (seed);

-- What was asked of the server and not answered yet; asked again under the same id.
CREATE TABLE lease_request (
    quota_id INTEGER PRIMARY KEY,
    request_id BLOB NOT NULL CHECK (length(request_id) = 16),
    wanted INTEGER NOT NULL
) STRICT;

-- Blanks that will never be a ticket again, as ranges of position ids, both ends included; and their sig1 seeds.
CREATE TABLE void_blanks (
    first BLOB NOT NULL CHECK (length(first) = 16),
    last BLOB NOT NULL CHECK (length(last) = 16),
    lease_id BLOB NOT NULL,
    PRIMARY KEY (first, last)
) STRICT, WITHOUT ROWID;
CREATE TABLE void_seed (seed INTEGER PRIMARY KEY) STRICT;
