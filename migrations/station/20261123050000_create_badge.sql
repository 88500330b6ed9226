-- Cards that are printed for guests, as the server sent them (JSON in `data`).
CREATE TABLE badge (
    id INTEGER PRIMARY KEY,
    event_id INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL,
    data TEXT NOT NULL
) STRICT;
CREATE INDEX badge_event ON badge (event_id);
