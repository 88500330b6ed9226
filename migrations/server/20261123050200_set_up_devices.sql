ALTER TABLE device ADD COLUMN gate_id bigint;
ALTER TABLE device ADD COLUMN kiosk boolean NOT NULL DEFAULT false;
ALTER TABLE device ADD COLUMN badge_print text NOT NULL DEFAULT 'never' CHECK (badge_print IN ('never', 'once', 'always'));
ALTER TABLE device ADD COLUMN max_data_age_min integer CHECK (max_data_age_min > 0);
ALTER TABLE device ADD COLUMN locked boolean NOT NULL DEFAULT false;
ALTER TABLE device ADD COLUMN guarded text[] NOT NULL DEFAULT '{}';
ALTER TABLE device ADD COLUMN hide_names boolean NOT NULL DEFAULT false;
ALTER TABLE device ADD FOREIGN KEY (organizer_id, gate_id) REFERENCES gate;
CREATE INDEX device_gate ON device (organizer_id, gate_id) WHERE gate_id IS NOT NULL;
COMMENT ON COLUMN device.gate_id IS 'The gate it stands at; gate is its name then';
COMMENT ON COLUMN device.max_data_age_min IS 'Entry is refused there when its data is older than so many minutes; null is never';
COMMENT ON COLUMN device.locked IS 'Nothing happens there until an operator has signed in';
COMMENT ON COLUMN device.guarded IS 'Rights of the device that only an operator who has them too may use';
COMMENT ON COLUMN device.hide_names IS 'Names are for searching there, and stand on no verdict';

CREATE TABLE device_list (
    organizer_id bigint NOT NULL,
    device_id bigint NOT NULL,
    list_id bigint NOT NULL,
    PRIMARY KEY (organizer_id, device_id, list_id),
    FOREIGN KEY (organizer_id, device_id) REFERENCES device ON DELETE CASCADE,
    FOREIGN KEY (organizer_id, list_id) REFERENCES checkin_list ON DELETE CASCADE
);
COMMENT ON TABLE device_list IS 'The check-in lists a device scans for; none is every list of its events';
CREATE INDEX device_list_list ON device_list (organizer_id, list_id);
CALL guard_tenant('device_list', 'SELECT, INSERT, DELETE');

CREATE TABLE operator (
    organizer_id bigint NOT NULL REFERENCES organizer,
    operator_id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL CHECK (name <> ''),
    pin text NOT NULL DEFAULT '',
    rights text[] NOT NULL DEFAULT '{}',
    active boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, operator_id)
);
COMMENT ON TABLE operator IS 'A person who signs in at devices by a PIN, of which only an argon2id string is kept; rights: what is guarded at a device and this one may';
CALL guard_tenant('operator', 'SELECT, INSERT, UPDATE');
