CREATE TABLE checkin_list (
    organizer_id bigint NOT NULL,
    list_id bigint GENERATED ALWAYS AS IDENTITY,
    event_id bigint NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    all_items boolean NOT NULL DEFAULT true,
    include_pending boolean NOT NULL DEFAULT false,
    allow_multiple_entries boolean NOT NULL DEFAULT false,
    allow_entry_after_exit boolean NOT NULL DEFAULT true,
    rules jsonb,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, list_id),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event
);
COMMENT ON TABLE checkin_list IS 'Which positions may be admitted where; checkin_list_item names the products unless all_items';
CREATE INDEX checkin_list_event ON checkin_list (organizer_id, event_id);
CALL guard_tenant('checkin_list', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE checkin_list_item (
    organizer_id bigint NOT NULL,
    list_id bigint NOT NULL,
    item_id bigint NOT NULL,
    PRIMARY KEY (organizer_id, list_id, item_id),
    FOREIGN KEY (organizer_id, list_id) REFERENCES checkin_list ON DELETE CASCADE,
    FOREIGN KEY (organizer_id, item_id) REFERENCES item ON DELETE CASCADE
);
COMMENT ON TABLE checkin_list_item IS 'The products a list admits';
CREATE INDEX checkin_list_item_item ON checkin_list_item (organizer_id, item_id);
CALL guard_tenant('checkin_list_item', 'SELECT, INSERT, DELETE');
