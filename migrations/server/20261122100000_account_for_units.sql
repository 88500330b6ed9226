ALTER TABLE quota
    ADD COLUMN target bigint CHECK (target >= 0),
    ADD COLUMN in_flight bigint NOT NULL DEFAULT 0 CHECK (in_flight >= 0),
    ADD CONSTRAINT quota_target_below_size CHECK (target IS NULL OR (size IS NOT NULL AND target < size)),
    ADD CONSTRAINT quota_in_flight_is_leased CHECK (in_flight <= leased);
COMMENT ON COLUMN quota.target IS 'The smaller size that is wanted; size falls to it as units come back from stations';
COMMENT ON COLUMN quota.in_flight IS 'Units on their way between two stations, a part of leased';

ALTER TABLE lease
    ADD COLUMN freed bigint NOT NULL DEFAULT 0 CHECK (freed >= 0),
    ADD COLUMN given bigint NOT NULL DEFAULT 0 CHECK (given >= 0),
    ADD COLUMN returned_units int8multirange NOT NULL DEFAULT '{}',
    ADD COLUMN freed_units int8multirange NOT NULL DEFAULT '{}',
    ADD COLUMN given_units int8multirange NOT NULL DEFAULT '{}',
    ADD COLUMN written_off_units int8multirange NOT NULL DEFAULT '{}',
    ADD COLUMN state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed', 'lost', 'stolen')),
    ADD COLUMN keep bigint CHECK (keep >= 0),
    ADD COLUMN proved_wrong boolean NOT NULL DEFAULT false,
    ADD COLUMN incarnation bigint,
    ADD CONSTRAINT lease_not_overdrawn CHECK (sold + returned + freed + given + written_off <= granted);
COMMENT ON COLUMN lease.freed IS 'Sold units whose sale was undone while a code is out there: free, and not the station''s again';
COMMENT ON COLUMN lease.given IS 'Units that went to another station, or are on the way';
COMMENT ON COLUMN lease.keep IS 'Most units the station should keep unsold; null is no recall';
COMMENT ON COLUMN lease.proved_wrong IS 'A sale came from it after it had been written off';
COMMENT ON COLUMN lease.incarnation IS 'Of the journal that accepted it; null where it was accepted before this was noted';

CREATE TABLE hand_over (
    organizer_id bigint NOT NULL,
    hand_over_id uuid NOT NULL,
    event_id bigint NOT NULL,
    quota_id bigint NOT NULL,
    lease_id uuid NOT NULL,
    device_id bigint NOT NULL,
    to_device_id bigint NOT NULL,
    from_unit bigint NOT NULL CHECK (from_unit >= 0),
    units bigint NOT NULL CHECK (units > 0),
    moved int8multirange NOT NULL,
    blanks jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('in_flight', 'taken', 'declined', 'lost', 'stolen')),
    at bigint NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (organizer_id, hand_over_id),
    FOREIGN KEY (organizer_id, event_id) REFERENCES event,
    FOREIGN KEY (organizer_id, quota_id) REFERENCES quota,
    FOREIGN KEY (organizer_id, lease_id) REFERENCES lease,
    FOREIGN KEY (organizer_id, device_id) REFERENCES device,
    FOREIGN KEY (organizer_id, to_device_id) REFERENCES device (organizer_id, device_id)
);
COMMENT ON TABLE hand_over IS 'Units of a lease on their way from one station to another. moved: those that were there to give; blanks: the ranges of position ids that went along; once taken they are a lease of this id';
CREATE INDEX hand_over_quota ON hand_over (organizer_id, quota_id) WHERE state = 'in_flight';
CREATE INDEX hand_over_lease ON hand_over (organizer_id, lease_id);
CREATE INDEX hand_over_event ON hand_over (organizer_id, event_id);
CREATE INDEX hand_over_device ON hand_over (organizer_id, device_id);
CREATE INDEX hand_over_to_device ON hand_over (organizer_id, to_device_id);
CALL guard_tenant('hand_over', 'SELECT, INSERT, UPDATE');
