-- What a position was sold for, `price/rate`: minor units and hundredths of a percent. A server that was put back to an
-- earlier instant takes a sale in again for what it cost then.
ALTER TABLE position ADD COLUMN sold_at TEXT;
