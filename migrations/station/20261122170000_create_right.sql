-- What only this station may do now: spend a voucher, pay or refund a web order; rebuilt from the journal. body is the
-- grant as the server signed it.
CREATE TABLE held_right (
    right_id BLOB PRIMARY KEY CHECK (length(right_id) = 16),
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    code TEXT NOT NULL,
    body TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX held_right_code ON held_right (code);

-- Rights that went back to the server; rebuilt from the journal.
CREATE TABLE right_released (
    right_id BLOB PRIMARY KEY CHECK (length(right_id) = 16),
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Vouchers that were spent here, by the position they were spent on; rebuilt from the journal.
CREATE TABLE voucher_spent (
    position_id BLOB PRIMARY KEY CHECK (length(position_id) = 16),
    voucher_id INTEGER NOT NULL,
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX voucher_spent_voucher ON voucher_spent (voucher_id);

-- What was done here to web orders: money taken, ended, money given back; rebuilt from the journal.
CREATE TABLE counter_act (
    entry_id BLOB PRIMARY KEY CHECK (length(entry_id) = 16),
    order_id BLOB NOT NULL CHECK (length(order_id) = 16),
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    what TEXT NOT NULL CHECK (what IN ('paid', 'ended', 'refunded')),
    amount_minor INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX counter_act_order ON counter_act (order_id);

-- What the server last said of a right of this station: recall, write-off. It may be heard before the right is taken.
CREATE TABLE right_word (
    right_id BLOB PRIMARY KEY CHECK (length(right_id) = 16),
    state TEXT NOT NULL CHECK (state IN ('open', 'closed', 'lost', 'stolen')),
    recalled INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was asked of the server and not answered yet; asked again under the same id.
CREATE TABLE right_request (
    code TEXT NOT NULL,
    what TEXT NOT NULL,
    request_id BLOB NOT NULL CHECK (length(request_id) = 16),
    PRIMARY KEY (code, what)
) STRICT, WITHOUT ROWID;

-- Vouchers whose home is this till, or was, as the server has them.
CREATE TABLE voucher (
    voucher_id INTEGER PRIMARY KEY,
    event_id INTEGER NOT NULL,
    code TEXT NOT NULL,
    spent INTEGER NOT NULL,
    active INTEGER NOT NULL,
    home INTEGER,
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX voucher_code ON voucher (code);
