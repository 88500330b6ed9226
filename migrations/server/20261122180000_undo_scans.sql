ALTER TABLE scan ADD COLUMN uncertainty_ms bigint NOT NULL DEFAULT -1;
COMMENT ON COLUMN scan.at IS 'The server''s time as well as the station knew it; of scans without uncertainty, the station''s own clock';
COMMENT ON COLUMN scan.uncertainty_ms IS 'How far that may be wrong; -1 where the clock was never compared or nobody said';

-- What makes a scan as if it never was; it may come before the scan does.
CREATE TABLE scan_undone (
    organizer_id bigint NOT NULL,
    scan_id uuid NOT NULL,
    event_id bigint NOT NULL,
    list_id bigint NOT NULL,
    device_id bigint NOT NULL,
    entry_id uuid NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (organizer_id, scan_id),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event,
    FOREIGN KEY (organizer_id, list_id) REFERENCES checkin_list,
    FOREIGN KEY (organizer_id, device_id) REFERENCES device
);
COMMENT ON TABLE scan_undone IS 'Scans that count no more, by the first entry that says so; device_id: who undid it';
CREATE INDEX scan_undone_event ON scan_undone (organizer_id, event_id);
CREATE INDEX scan_undone_list ON scan_undone (organizer_id, list_id);
CREATE INDEX scan_undone_device ON scan_undone (organizer_id, device_id);
CALL guard_tenant('scan_undone', 'SELECT, INSERT');

ALTER TABLE incarnation ADD COLUMN split_seq bigint;
COMMENT ON COLUMN incarnation.split_seq IS 'The first number under which its journal has two entries: from there on a number says nothing of what was known';

ALTER TABLE device ADD COLUMN clock_ahead_ms bigint;
COMMENT ON COLUMN device.clock_ahead_ms IS 'How far its clock was ahead of the server''s at its last contact; null where it never said';

CREATE INDEX station_case_about_all ON station_case (organizer_id, about) WHERE about IS NOT NULL;
