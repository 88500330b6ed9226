-- Who this station is. One row an enrolment; the newest is `is_current`. The token and the pinned server key live
-- only here and in the key store.
CREATE TABLE device (
    device_id INTEGER PRIMARY KEY,
    organizer_id INTEGER NOT NULL,
    organizer_name TEXT NOT NULL,
    name TEXT NOT NULL,
    gate TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('door', 'till')),
    events TEXT NOT NULL,
    server_url TEXT NOT NULL,
    device_token TEXT NOT NULL,
    server_key BLOB NOT NULL CHECK (length(server_key) = 32),
    public_key BLOB NOT NULL CHECK (length(public_key) = 32),
    incarnation INTEGER NOT NULL CHECK (incarnation > 0),
    revoked INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 0,
    is_current INTEGER NOT NULL,
    enrolled_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX device_current ON device (is_current) WHERE is_current = 1;

-- What was recovered from a damaged database, in words.
CREATE TABLE recovery (at INTEGER PRIMARY KEY, report TEXT NOT NULL) STRICT;
