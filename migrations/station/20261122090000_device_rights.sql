-- What this device may do besides its role, as a JSON list of words. What an earlier program passed over in the rows it
-- was sent comes again: the own row is taken whatever its version, and the next contact brings a snapshot.
ALTER TABLE device ADD COLUMN rights TEXT NOT NULL DEFAULT '[]';
UPDATE device SET version = 0;
DELETE FROM cursor;
