ALTER TABLE device ADD COLUMN rights text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN device.rights IS 'What it may do besides its role, as words: time_by_hand';
