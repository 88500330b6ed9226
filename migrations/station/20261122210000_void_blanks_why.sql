-- Why they are void: 'lost' asks for the receipt at the door, every other word refuses.
ALTER TABLE void_blanks ADD COLUMN why TEXT NOT NULL DEFAULT 'void';
ALTER TABLE void_seed ADD COLUMN why TEXT NOT NULL DEFAULT 'void';
