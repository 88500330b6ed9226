-- Units of a lease that are sold, and units whose sale was undone and which the server frees, as JSON ranges; rebuilt from
-- the journal. `sold` is one past the highest unit that ever was.
ALTER TABLE lease ADD COLUMN sold_units TEXT NOT NULL DEFAULT '[]';
ALTER TABLE lease ADD COLUMN void_units TEXT NOT NULL DEFAULT '[]';
UPDATE lease SET sold_units = json_array(json_object('from', 0, 'until', sold)) WHERE sold > 0;

-- Units on their way between tills, as this one's journal has them: given to another, taken over, or declined. `lease_id`
-- is the giver's; `blanks` are ranges as JSON. Rebuilt from the journal. A blank that left with them has `used` 3.
CREATE TABLE hand_over (
    hand_over_id BLOB NOT NULL CHECK (length(hand_over_id) = 16),
    way TEXT NOT NULL CHECK (way IN ('given', 'taken', 'declined')),
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    lease_id BLOB NOT NULL CHECK (length(lease_id) = 16),
    quota_id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    first INTEGER NOT NULL,
    until INTEGER NOT NULL CHECK (until >= first),
    blanks TEXT NOT NULL,
    from_device INTEGER NOT NULL,
    to_device INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (hand_over_id, way)
) STRICT, WITHOUT ROWID;
CREATE INDEX hand_over_lease ON hand_over (lease_id) WHERE way = 'given';

-- What the journal does not hold of a hand-over that was taken in: who gave, and the proof that lets it be handed on.
CREATE TABLE hand_over_beside (
    hand_over_id BLOB PRIMARY KEY CHECK (length(hand_over_id) = 16),
    from_name TEXT NOT NULL,
    proof TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What the server last said of a hand-over this station gave. *Declined* is final: the units are this station's again.
CREATE TABLE hand_over_word (
    hand_over_id BLOB PRIMARY KEY CHECK (length(hand_over_id) = 16),
    state TEXT NOT NULL CHECK (state IN ('in_flight', 'taken', 'declined', 'lost', 'stolen')),
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL,
    back INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
-- What an earlier program passed over comes again with the next contact.
DELETE FROM cursor;

-- What the server has signed of each enrolment: its keys, for who checks a hand-over.
CREATE TABLE device_certificate (
    station INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    signature TEXT NOT NULL
) STRICT;
