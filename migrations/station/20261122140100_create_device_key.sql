-- The keys of each enrolment of this machine: one signs what comes after the entry `(incarnation, seq)` that named it;
-- the first is that of the enrolment, after (0, 0).
CREATE TABLE device_key (
    station INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    public_key BLOB NOT NULL CHECK (length(public_key) = 32),
    PRIMARY KEY (station, incarnation, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO device_key (station, incarnation, seq, public_key) SELECT device_id, 0, 0, public_key FROM device;
