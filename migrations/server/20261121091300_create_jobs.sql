CREATE TABLE job (
    organizer_id bigint NOT NULL REFERENCES organizer,
    job_id bigint GENERATED ALWAYS AS IDENTITY,
    class text NOT NULL CHECK (class IN ('checkout', 'mail', 'webhook', 'render', 'housekeeping')),
    kind text NOT NULL,
    payload jsonb NOT NULL,
    dedupe text,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed')),
    run_at bigint NOT NULL,
    attempts bigint NOT NULL DEFAULT 0,
    last_error text,
    created_at bigint NOT NULL,
    done_at bigint,
    PRIMARY KEY (organizer_id, job_id)
);
COMMENT ON TABLE job IS 'Work written in the transaction of its cause; run_at is when it may be taken: its time while queued, the end of its worker''s lock while running. dedupe: at most one such job waits';
CREATE INDEX job_due ON job (class, run_at, job_id) WHERE state IN ('queued', 'running');
CREATE INDEX job_done ON job (done_at) WHERE state = 'done';
CREATE UNIQUE INDEX job_dedupe ON job (organizer_id, dedupe) WHERE state = 'queued';
CALL guard_tenant('job', 'SELECT, INSERT, UPDATE, DELETE');

CREATE TABLE idempotency (
    organizer_id bigint NOT NULL REFERENCES organizer,
    key_hash bytea NOT NULL CHECK (length(key_hash) = 32),
    request_hash bytea NOT NULL CHECK (length(request_hash) = 32),
    status smallint NOT NULL,
    content_type text NOT NULL,
    response bytea NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (organizer_id, key_hash)
);
COMMENT ON TABLE idempotency IS 'Answers given to requests that may be sent again; kept a day';
CREATE INDEX idempotency_at ON idempotency (at);
CALL guard_tenant('idempotency', 'SELECT, INSERT, DELETE');
