-- Sales, payments, receipts and prints of this station; rebuilt from the journal. Names are as they were at the sale.
CREATE TABLE sale (
    order_id BLOB PRIMARY KEY CHECK (length(order_id) = 16),
    order_code TEXT NOT NULL UNIQUE,
    event_id INTEGER NOT NULL,
    event_name TEXT NOT NULL DEFAULT '',
    request_id BLOB NOT NULL UNIQUE CHECK (length(request_id) = 16),
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    total_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sale_order ON sale (station, incarnation, seq);
CREATE INDEX sale_at ON sale (at);

CREATE TABLE sale_line (
    order_id BLOB NOT NULL REFERENCES sale,
    line INTEGER NOT NULL,
    position_id BLOB NOT NULL UNIQUE CHECK (length(position_id) = 16),
    item_id INTEGER NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    price_minor INTEGER NOT NULL,
    tax_rate_bp INTEGER NOT NULL,
    tax_minor INTEGER NOT NULL,
    blank BLOB CHECK (length(blank) = 16),
    units TEXT NOT NULL,
    item_version INTEGER NOT NULL,
    PRIMARY KEY (order_id, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE payment (
    payment_id BLOB PRIMARY KEY CHECK (length(payment_id) = 16),
    order_id BLOB NOT NULL,
    amount_minor INTEGER NOT NULL,
    given_minor INTEGER NOT NULL,
    change_minor INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_order ON payment (order_id);

CREATE TABLE receipt (
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    order_id BLOB NOT NULL,
    total_minor INTEGER NOT NULL,
    PRIMARY KEY (station, incarnation, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX receipt_order ON receipt (order_id);

CREATE TABLE print (
    entry_id BLOB PRIMARY KEY CHECK (length(entry_id) = 16),
    order_id BLOB NOT NULL,
    what TEXT NOT NULL CHECK (what IN ('tickets', 'receipt')),
    copy INTEGER NOT NULL CHECK (copy > 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX print_order ON print (order_id, what);
