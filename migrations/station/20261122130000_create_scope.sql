-- Events whose rows are all here, and whether with names. What the organizer lets this station see beyond these is still
-- to be fetched; what is here beyond what it may see goes.
CREATE TABLE scope (event_id INTEGER PRIMARY KEY, names INTEGER) STRICT;

-- Urgent changes are read ahead of the others, up to `urgent`. What an older protocol passed over is fetched anew.
ALTER TABLE cursor ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor ADD COLUMN protocol INTEGER NOT NULL DEFAULT 1;

-- In which of the server's histories `version` of the own row was given.
ALTER TABLE device ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
