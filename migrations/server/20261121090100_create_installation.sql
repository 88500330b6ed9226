CREATE TABLE installation (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    history uuid NOT NULL,
    server_key bytea NOT NULL CHECK (length(server_key) = 32),
    created_at bigint NOT NULL
);
COMMENT ON TABLE installation IS 'One row: which unbroken life of the data this is, and the public key stations pinned. Not a tenant''s';
GRANT SELECT, INSERT ON installation TO willcall_app;
