-- Sales, or positions of them, that were undone here; `positions` are ids as JSON, `receipt` is the number of the receipt
-- over the money that went back. Rebuilt from the journal, but for `request_id`.
CREATE TABLE void (
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    order_id BLOB NOT NULL CHECK (length(order_id) = 16),
    positions TEXT NOT NULL,
    paper TEXT NOT NULL CHECK (paper IN ('not_printed', 'taken_back', 'out')),
    at INTEGER NOT NULL,
    receipt INTEGER,
    request_id BLOB UNIQUE CHECK (length(request_id) = 16),
    PRIMARY KEY (station, incarnation, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX void_order ON void (order_id);

-- Money that went back. Rebuilt from the journal.
CREATE TABLE refund (
    refund_id BLOB PRIMARY KEY CHECK (length(refund_id) = 16),
    order_id BLOB NOT NULL CHECK (length(order_id) = 16),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX refund_order ON refund (order_id);

-- The receipt that was printed, where it is not the sale's own.
ALTER TABLE print ADD COLUMN receipt INTEGER;
