CREATE TABLE gate (
    organizer_id bigint NOT NULL REFERENCES organizer,
    gate_id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL CHECK (name <> ''),
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, gate_id),
    UNIQUE (organizer_id, name)
);
COMMENT ON TABLE gate IS 'A place where people are let in or out, of all events of the organizer';
CALL guard_tenant('gate', 'SELECT, INSERT, UPDATE, DELETE');

ALTER TABLE checkin_list ADD COLUMN addon_match boolean NOT NULL DEFAULT false;
ALTER TABLE checkin_list ADD COLUMN shown_from bigint;
ALTER TABLE checkin_list ADD COLUMN shown_until bigint;
ALTER TABLE checkin_list ADD CONSTRAINT checkin_list_shown CHECK (shown_until > shown_from);
COMMENT ON COLUMN checkin_list.addon_match IS 'A ticket stands for its add-ons too: where one of these is on the list, it enters';
COMMENT ON COLUMN checkin_list.shown_from IS 'From when the door chooses this list by itself; shown_until: until when';

CREATE TABLE checkin_list_gate (
    organizer_id bigint NOT NULL,
    list_id bigint NOT NULL,
    gate_id bigint NOT NULL,
    PRIMARY KEY (organizer_id, list_id, gate_id),
    FOREIGN KEY (organizer_id, list_id) REFERENCES checkin_list ON DELETE CASCADE,
    FOREIGN KEY (organizer_id, gate_id) REFERENCES gate ON DELETE CASCADE
);
COMMENT ON TABLE checkin_list_gate IS 'The gates at which a list is offered; none is every gate. Who may enter where is for the rules';
CREATE INDEX checkin_list_gate_gate ON checkin_list_gate (organizer_id, gate_id);
CALL guard_tenant('checkin_list_gate', 'SELECT, INSERT, DELETE');
