ALTER TABLE event ADD COLUMN till_sales boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN event.till_sales IS 'Whether tills may sell; switched off, nothing is lent, and what is out is asked back';
