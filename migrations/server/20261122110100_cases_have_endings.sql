ALTER TABLE station_case
    ADD COLUMN about text,
    ADD COLUMN resolution text,
    ADD COLUMN note text NOT NULL DEFAULT '',
    ADD COLUMN person text NOT NULL DEFAULT '',
    ADD COLUMN closed_device bigint,
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD FOREIGN KEY (organizer_id, closed_device) REFERENCES device (organizer_id, device_id);
COMMENT ON COLUMN station_case.about IS 'What there is one open case of; null where each is its own';
COMMENT ON COLUMN station_case.resolution IS 'How it was closed; null while it is open, or where it became moot by itself and note says why';
COMMENT ON COLUMN station_case.note IS 'What the person who closed it wrote, or why it closed by itself';
COMMENT ON COLUMN station_case.person IS 'Who closed it, by name; empty where nobody did';
CREATE UNIQUE INDEX station_case_about ON station_case (organizer_id, kind, about) WHERE closed_at IS NULL AND about IS NOT NULL;
CREATE INDEX station_case_closed ON station_case (organizer_id, closed_at DESC) WHERE closed_at IS NOT NULL;
CREATE INDEX station_case_order ON station_case (organizer_id, (detail ->> 'order_id')) WHERE detail ? 'order_id';

CREATE TABLE case_line (
    organizer_id bigint NOT NULL,
    case_id uuid NOT NULL,
    line_id bigint GENERATED ALWAYS AS IDENTITY,
    at bigint NOT NULL,
    what text NOT NULL CHECK (what IN ('tried', 'refused', 'second')),
    person text NOT NULL DEFAULT '',
    resolution text,
    detail text NOT NULL DEFAULT '',
    PRIMARY KEY (organizer_id, case_id, line_id),
    FOREIGN KEY (organizer_id, case_id) REFERENCES station_case
);
COMMENT ON TABLE case_line IS 'What was done about a case besides closing it. tried: applied again in vain; refused: somebody who may not wanted to close it; second: it was closed already';
CALL guard_tenant('case_line', 'SELECT, INSERT');
