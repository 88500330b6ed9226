-- What the door must know of a position besides what it is found and refused by: JSON, NULL where it says nothing.
ALTER TABLE position ADD COLUMN door TEXT;

CREATE INDEX position_addon ON position (addon_to) WHERE addon_to IS NOT NULL;

-- sig1 seeds of codes that were replaced: what carries one is a ticket of this position, and a revoked one.
CREATE TABLE old_seed (
    seed INTEGER NOT NULL,
    position_id BLOB NOT NULL,
    PRIMARY KEY (seed, position_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX old_seed_position ON old_seed (position_id);

-- Gates and questions as they travelled (JSON in `data`).
CREATE TABLE gate (
    id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE TABLE question (
    id INTEGER PRIMARY KEY, event_id INTEGER NOT NULL, epoch INTEGER NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE INDEX question_event ON question (event_id);

-- Wristbands and the like, by the digest of what a reader reads. `own` is set where this station gave it out: no download
-- removes it.
CREATE TABLE medium (
    medium_id BLOB PRIMARY KEY CHECK (length(medium_id) = 16),
    event_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    identifier_hash TEXT NOT NULL,
    position_id BLOB CHECK (length(position_id) = 16),
    active INTEGER NOT NULL,
    expires_at INTEGER,
    own INTEGER NOT NULL DEFAULT 0,
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX medium_identifier ON medium (identifier_hash);
CREATE INDEX medium_position ON medium (position_id) WHERE position_id IS NOT NULL;
CREATE INDEX medium_event ON medium (event_id);

-- Questions that journals say were answered, by the position or, where only the payload was known, by that.
CREATE TABLE answered (
    ticket BLOB NOT NULL,
    question_id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    PRIMARY KEY (ticket, question_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX answered_event ON answered (event_id);
