ALTER TABLE event
    ADD COLUMN planned_outage_min integer NOT NULL DEFAULT 60 CHECK (planned_outage_min BETWEEN 10 AND 120),
    ADD COLUMN station_cap integer CHECK (station_cap > 0),
    ADD COLUMN stations_cap_percent integer NOT NULL DEFAULT 50 CHECK (stations_cap_percent BETWEEN 1 AND 100);
COMMENT ON COLUMN event.planned_outage_min IS 'How long a till should be able to sell with nobody to ask, in minutes';
COMMENT ON COLUMN event.station_cap IS 'Most units of a quota one station may hold unsold; null is its part of what all may hold';
COMMENT ON COLUMN event.stations_cap_percent IS 'Most units of a quota all stations may hold unsold, in percent of its size';
