-- Organizers as they travelled (JSON in `data`): who sells, for the papers.
CREATE TABLE organizer (
    id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, version INTEGER NOT NULL, data TEXT NOT NULL
) STRICT;
