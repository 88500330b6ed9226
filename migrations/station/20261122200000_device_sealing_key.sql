-- What only the server of this enrolment's organizer opens; NULL until the first contact that tells it.
ALTER TABLE device ADD COLUMN sealing_key BLOB CHECK (sealing_key IS NULL OR length(sealing_key) = 32);
