CREATE TABLE history (
    history uuid PRIMARY KEY,
    number bigint GENERATED ALWAYS AS IDENTITY,
    began_at bigint NOT NULL,
    whole_at bigint
);
COMMENT ON TABLE history IS 'The lives of this installation''s data; the one of the highest number is the present one. whole_at: since when its stations are waited for; without it the recovery was cut off. Not a tenant''s';
GRANT SELECT, INSERT, UPDATE (whole_at) ON history TO willcall_app;
INSERT INTO history (history, began_at, whole_at) SELECT history, created_at, created_at FROM installation;

CREATE TABLE unheard_station (
    organizer_id bigint NOT NULL,
    device_id bigint NOT NULL,
    since bigint NOT NULL,
    sent boolean NOT NULL DEFAULT false,
    PRIMARY KEY (organizer_id, device_id),
    FOREIGN KEY (organizer_id, device_id) REFERENCES device
);
COMMENT ON TABLE unheard_station IS 'Stations that have not reported since the server was put back to an earlier instant. sent: entries have come since';
CALL guard_tenant('unheard_station', 'SELECT, INSERT, UPDATE, DELETE');

ALTER TABLE quota
    ADD COLUMN unheard bigint NOT NULL DEFAULT 0 CHECK (unheard >= 0),
    ADD CONSTRAINT quota_not_oversold_unheard CHECK (size IS NULL OR sold + leased + unheard <= size + excess);
COMMENT ON COLUMN quota.unheard IS 'Units that stations may have been lent in the time that was lost, until they report';

CREATE TABLE unheard_units (
    organizer_id bigint NOT NULL,
    device_id bigint NOT NULL,
    quota_id bigint NOT NULL,
    units bigint NOT NULL CHECK (units > 0),
    PRIMARY KEY (organizer_id, device_id, quota_id),
    FOREIGN KEY (organizer_id, device_id) REFERENCES unheard_station ON DELETE CASCADE,
    FOREIGN KEY (organizer_id, quota_id) REFERENCES quota ON DELETE CASCADE
);
COMMENT ON TABLE unheard_units IS 'What quota.unheard consists of, by station: units it may have been lent in the time that was lost';
CREATE INDEX unheard_units_quota ON unheard_units (organizer_id, quota_id);
CALL guard_tenant('unheard_units', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE lost_row (
    organizer_id bigint NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    device_id bigint NOT NULL,
    row jsonb,
    offered_at bigint NOT NULL,
    case_id uuid NOT NULL,
    PRIMARY KEY (organizer_id, kind, subject),
    FOREIGN KEY (organizer_id, device_id) REFERENCES device,
    FOREIGN KEY (organizer_id, case_id) REFERENCES station_case
);
COMMENT ON TABLE lost_row IS 'Rows a station has and this server, put back to an earlier instant, has no longer; row is empty once decided';
CREATE INDEX lost_row_device ON lost_row (organizer_id, device_id);
CREATE INDEX lost_row_case ON lost_row (organizer_id, case_id);
CALL guard_tenant('lost_row', 'SELECT, INSERT, UPDATE (row)');

CREATE TABLE backup_mark (
    organizer_id bigint NOT NULL,
    device_id bigint NOT NULL,
    incarnation bigint NOT NULL,
    begun_seq bigint NOT NULL DEFAULT 0,
    begun_at bigint,
    safe_seq bigint NOT NULL DEFAULT 0,
    safe_at bigint,
    PRIMARY KEY (organizer_id, device_id, incarnation),
    FOREIGN KEY (organizer_id, device_id) REFERENCES device
);
COMMENT ON TABLE backup_mark IS 'How far journals are in a finished backup (safe) and were committed when one began (begun): whoever makes backups notes both. Stations keep what is above safe';
CALL guard_tenant('backup_mark', 'SELECT, INSERT, UPDATE');

-- How high this installation's numbers have gone, for the mark outside the database.
GRANT SELECT (organizer_id, position) ON change_head TO willcall_crossing;
GRANT SELECT (organizer_id, highest) ON incarnation TO willcall_crossing;
CREATE POLICY crossing_read ON change_head FOR SELECT TO willcall_crossing USING (true);
CREATE POLICY crossing_read ON incarnation FOR SELECT TO willcall_crossing USING (true);
SET LOCAL ROLE willcall_crossing;
CREATE FUNCTION crossing.high_water() RETURNS TABLE (changes bigint, entries bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT (SELECT coalesce(sum(position), 0)::bigint FROM change_head),
           (SELECT coalesce(sum(highest), 0)::bigint FROM incarnation)
$$;
COMMENT ON FUNCTION crossing.high_water IS 'Sums that only rise: smaller than noted outside, the database was put back to an earlier instant';
REVOKE ALL ON FUNCTION crossing.high_water() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION crossing.high_water() TO willcall_app;
SET LOCAL ROLE willcall_owner;
