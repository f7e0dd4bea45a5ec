-- The flags that triage rules set on studies; one of each rule and study.
CREATE TABLE flags (
    study_id   uuid NOT NULL,
    rule       text NOT NULL,
    seq        bigint NOT NULL,
    job_id     uuid NOT NULL,
    reading_id uuid NOT NULL,
    label      text NOT NULL,
    measure    text NOT NULL,
    value      real NOT NULL,
    threshold  real NOT NULL,
    actions    jsonb NOT NULL,
    targets    jsonb NOT NULL,
    flagged_at timestamptz NOT NULL,
    PRIMARY KEY (study_id, rule)
);
CREATE INDEX flags_by_seq ON flags (seq);

-- What is told of deliveries, one row for each fact: a target took something, it did not and was given up, or an
-- operator decided what becomes of such a round, `attempt`. The operator's words are told with the study and its dead
-- letter and go nowhere else.
CREATE TABLE deliveries (
    seq          bigint PRIMARY KEY,
    study_id     uuid NOT NULL,
    matter       text NOT NULL,
    target       text NOT NULL,
    attempt      integer NOT NULL,
    state        text NOT NULL CHECK (state IN ('delivered', 'failed', 'redriven', 'discarded')),
    at           timestamptz NOT NULL,
    tries        bigint,
    receipt      text,
    reason       text,
    objects      jsonb,
    resolved_by  text,
    resolved_why text
);
CREATE INDEX deliveries_by_study ON deliveries (study_id, matter, target, attempt);

-- A dead letter is that of a job or that of a delivery.
ALTER TABLE dead_letters ALTER COLUMN job_id DROP NOT NULL;
ALTER TABLE dead_letters ADD COLUMN study_id uuid;
ALTER TABLE dead_letters ADD COLUMN matter text;
ALTER TABLE dead_letters ADD COLUMN target text;
ALTER TABLE dead_letters ADD COLUMN attempt integer;
CREATE INDEX dead_letters_by_study ON dead_letters (study_id) WHERE study_id IS NOT NULL;
