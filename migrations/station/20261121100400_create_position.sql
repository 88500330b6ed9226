-- Tickets this station knows. `flags`: 1 cancelled, 2 blocked, 4 test. `seed` is the position's sig1 seed, packed into
-- 45 bits. `own` is set where this station sold it: no download removes it.
CREATE TABLE position (
    position_id BLOB PRIMARY KEY CHECK (length(position_id) = 16),
    order_id BLOB NOT NULL CHECK (length(order_id) = 16),
    order_code TEXT NOT NULL,
    event_id INTEGER NOT NULL,
    item_id INTEGER NOT NULL,
    status INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    issue INTEGER NOT NULL,
    name TEXT,
    plain TEXT,
    seed INTEGER NOT NULL,
    valid_from INTEGER,
    valid_until INTEGER,
    own INTEGER NOT NULL DEFAULT 0,
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX position_seed ON position (seed);
CREATE INDEX position_order_code ON position (order_code);
CREATE INDEX position_plain ON position (plain) WHERE plain IS NOT NULL;
CREATE INDEX position_event ON position (event_id, item_id, status, flags);

-- Folded words of names, for the search at the door.
CREATE TABLE position_word (
    word TEXT NOT NULL,
    position_id BLOB NOT NULL,
    PRIMARY KEY (word, position_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX position_word_position ON position_word (position_id);
