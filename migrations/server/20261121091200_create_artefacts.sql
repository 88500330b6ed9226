CREATE TABLE artefact (
    organizer_id bigint NOT NULL,
    order_id uuid NOT NULL,
    language text NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    bytes bytea NOT NULL,
    rendered_at bigint NOT NULL,
    PRIMARY KEY (organizer_id, order_id, language),
    FOREIGN KEY (organizer_id, order_id) REFERENCES orders
);
COMMENT ON TABLE artefact IS 'Rendered tickets of an order as PDF: made on first request, once. digest: of everything printed, so that a change of it makes them anew';
ALTER TABLE artefact ALTER COLUMN bytes SET STORAGE EXTERNAL;
CALL guard_tenant('artefact', 'SELECT, INSERT, UPDATE, DELETE');
