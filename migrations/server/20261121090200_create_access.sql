CREATE TABLE organizer (
    organizer_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL CHECK (name <> ''),
    legal_name text NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT '',
    bank_details text NOT NULL DEFAULT '',
    accent text NOT NULL DEFAULT '#2f5d8a' CHECK (accent ~ '^#[0-9a-f]{6}$'),
    created_at bigint NOT NULL
);
COMMENT ON TABLE organizer IS 'A tenant. bank_details: what a buyer who pays by transfer is told';
CALL guard_tenant('organizer', 'SELECT, UPDATE');

CREATE TABLE staff (
    organizer_id bigint NOT NULL REFERENCES organizer,
    staff_id bigint GENERATED ALWAYS AS IDENTITY,
    email text NOT NULL CHECK (email = lower(email)),
    name text NOT NULL,
    password_hash text NOT NULL,
    role text NOT NULL CHECK (role IN ('owner', 'manager', 'viewer')),
    created_at bigint NOT NULL,
    PRIMARY KEY (organizer_id, staff_id),
    UNIQUE (organizer_id, email)
);
COMMENT ON TABLE staff IS 'A person who works for an organizer; password_hash is an argon2id string';
CREATE INDEX staff_email ON staff (email);
CALL guard_tenant('staff', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE session (
    organizer_id bigint NOT NULL,
    token_hash bytea NOT NULL CHECK (length(token_hash) = 32),
    staff_id bigint NOT NULL,
    csrf text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (organizer_id, token_hash),
    FOREIGN KEY (organizer_id, staff_id) REFERENCES staff ON DELETE CASCADE
);
COMMENT ON TABLE session IS 'A signed-in browser; only the SHA-256 of its token is kept';
CREATE INDEX session_staff ON session (organizer_id, staff_id);
CREATE INDEX session_expiry ON session (expires_at);
CALL guard_tenant('session', 'SELECT, INSERT, UPDATE, DELETE');
