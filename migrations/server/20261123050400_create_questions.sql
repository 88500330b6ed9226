CREATE TABLE question (
    organizer_id bigint NOT NULL,
    question_id bigint GENERATED ALWAYS AS IDENTITY,
    event_id bigint NOT NULL,
    text text NOT NULL CHECK (text <> ''),
    help text NOT NULL DEFAULT '',
    kind text NOT NULL CHECK (kind IN ('yes_no', 'text', 'lines', 'choice', 'choices', 'number', 'date', 'time', 'date_time')),
    required boolean NOT NULL DEFAULT false,
    ask_at_checkin boolean NOT NULL DEFAULT true,
    rank integer NOT NULL DEFAULT 0,
    active boolean NOT NULL DEFAULT true,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, question_id),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event
);
COMMENT ON TABLE question IS 'Something asked of the holder of a ticket; question_item names the products';
CREATE INDEX question_event ON question (organizer_id, event_id, rank, question_id);
CALL guard_tenant('question', 'SELECT, INSERT, UPDATE');

CREATE TABLE question_item (
    organizer_id bigint NOT NULL,
    question_id bigint NOT NULL,
    item_id bigint NOT NULL,
    PRIMARY KEY (organizer_id, question_id, item_id),
    FOREIGN KEY (organizer_id, question_id) REFERENCES question ON DELETE CASCADE,
    FOREIGN KEY (organizer_id, item_id) REFERENCES item ON DELETE CASCADE
);
COMMENT ON TABLE question_item IS 'The products whose holders are asked';
CREATE INDEX question_item_item ON question_item (organizer_id, item_id);
CALL guard_tenant('question_item', 'SELECT, INSERT, DELETE');

CREATE TABLE question_option (
    organizer_id bigint NOT NULL,
    option_id bigint GENERATED ALWAYS AS IDENTITY,
    question_id bigint NOT NULL,
    text text NOT NULL CHECK (text <> ''),
    rank integer NOT NULL DEFAULT 0,
    active boolean NOT NULL DEFAULT true,
    PRIMARY KEY (organizer_id, option_id),
    FOREIGN KEY (organizer_id, question_id) REFERENCES question ON DELETE CASCADE
);
COMMENT ON TABLE question_option IS 'An answer a question offers. One that is no longer offered stays, for answers name it';
CREATE INDEX question_option_question ON question_option (organizer_id, question_id, rank, option_id);
CALL guard_tenant('question_option', 'SELECT, INSERT, UPDATE');
