-- The read side. Everything here follows from the event log and can be dropped at any time: the projection
-- makes it anew. Every row says by which event (position in the stream) it was written, so that folding the
-- same events again, or in other batches, changes nothing.

-- Which log was folded, and how far.
CREATE TABLE stream_position (
    stream        text PRIMARY KEY,
    epoch         text NOT NULL,
    last_seq      bigint NOT NULL,
    last_event_id uuid
);

CREATE TABLE studies (
    study_id      uuid PRIMARY KEY,
    site          text NOT NULL,
    study_ref     text,
    created_at    timestamptz NOT NULL,
    last_image_at timestamptz NOT NULL
);
CREATE INDEX studies_by_ref ON studies (study_ref) WHERE study_ref IS NOT NULL;

-- One row per upload, from ImageStored.
CREATE TABLE jobs (
    job_id     uuid PRIMARY KEY,
    stored_seq bigint NOT NULL UNIQUE,
    site       text NOT NULL,
    study_id   uuid NOT NULL,
    sha256     text NOT NULL,
    size_bytes bigint NOT NULL,
    media_type text NOT NULL,
    priority   text NOT NULL,
    created_at timestamptz NOT NULL,
    trace_id   text
);
CREATE INDEX jobs_by_study ON jobs (study_id, stored_seq);
CREATE INDEX jobs_by_site ON jobs (site, stored_seq);

-- Which reading a job waits for: the one it claimed, or the one it shares.
CREATE TABLE links (
    job_id       uuid PRIMARY KEY,
    seq          bigint NOT NULL,
    reading_id   uuid NOT NULL,
    duplicate_of uuid,
    linked_at    timestamptz NOT NULL
);
CREATE INDEX links_by_reading ON links (reading_id);
CREATE INDEX links_by_time ON links (linked_at);

-- Jobs that were given up before they had a reading.
CREATE TABLE job_failures (
    job_id  uuid PRIMARY KEY,
    seq     bigint NOT NULL,
    reason  text NOT NULL,
    dead_at timestamptz NOT NULL
);
CREATE INDEX job_failures_by_time ON job_failures (dead_at);

CREATE TABLE readings (
    reading_id     uuid PRIMARY KEY,
    seq            bigint NOT NULL,
    site           text NOT NULL,
    primary_job_id uuid NOT NULL,
    requested_at   timestamptz NOT NULL
);

-- How a reading ended. `completed` holds the whole event for state 'completed'.
CREATE TABLE outcomes (
    reading_id uuid PRIMARY KEY,
    seq        bigint NOT NULL,
    state      text NOT NULL CHECK (state IN ('completed', 'failed', 'dead')),
    ended_at   timestamptz NOT NULL,
    code       text,
    reason     text,
    completed  jsonb
);
CREATE INDEX outcomes_by_time ON outcomes (ended_at);
CREATE INDEX outcomes_not_completed ON outcomes (reading_id) WHERE state <> 'completed';

CREATE TABLE reports (
    study_id  uuid NOT NULL,
    revision  integer NOT NULL,
    seq       bigint NOT NULL,
    issued_at timestamptz NOT NULL,
    cause     text NOT NULL,
    json      jsonb NOT NULL,
    html      jsonb NOT NULL,
    completed integer NOT NULL,
    failed    integer NOT NULL,
    PRIMARY KEY (study_id, revision)
);

CREATE TABLE dead_letters (
    seq        bigint PRIMARY KEY,
    consumer   text NOT NULL,
    stream_seq bigint NOT NULL,
    site       text NOT NULL,
    job_id     uuid NOT NULL,
    reading_id uuid,
    deliveries bigint NOT NULL,
    reason     text NOT NULL,
    at         timestamptz NOT NULL
);

-- Every event once, in the order of the log.
CREATE TABLE history (
    seq         bigint PRIMARY KEY,
    event       text NOT NULL,
    job_id      uuid,
    reading_id  uuid,
    study_id    uuid,
    occurred_at timestamptz NOT NULL
);
CREATE INDEX history_by_job ON history (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX history_by_reading ON history (reading_id) WHERE reading_id IS NOT NULL;
CREATE INDEX history_of_closing ON history (study_id) WHERE event = 'study-close-requested';

-- Messages of the log that this release could not fold.
CREATE TABLE unreadable (
    seq     bigint PRIMARY KEY,
    subject text NOT NULL,
    reason  text NOT NULL
);

-- What is to be said of a job; the only place that decides its status. A completed reading outweighs all else
-- (a redrive heals); a failure counts only if nothing was requested after it.
CREATE VIEW job_states AS
SELECT
    j.job_id, j.stored_seq, j.site, j.study_id, s.study_ref, j.sha256, j.size_bytes, j.media_type, j.priority,
    j.created_at, j.trace_id, l.reading_id, l.duplicate_of, l.linked_at AS started_at,
    CASE
        WHEN o.state = 'completed' THEN 'COMPLETED'
        WHEN o.state IS NOT NULL OR d.job_id IS NOT NULL THEN 'FAILED'
        WHEN l.job_id IS NOT NULL THEN 'IN_PROGRESS'
        ELSE 'QUEUED'
    END AS status,
    CASE WHEN o.state IS NOT NULL THEN greatest(o.ended_at, l.linked_at) ELSE d.dead_at END AS ended_at,
    CASE WHEN o.state IS NOT NULL THEN o.reason ELSE d.reason END AS reason,
    CASE
        WHEN o.state IS NOT NULL THEN o.code
        WHEN d.job_id IS NOT NULL THEN 'dead-lettered'
    END AS reason_code
FROM jobs j
LEFT JOIN studies s ON s.study_id = j.study_id
LEFT JOIN links l ON l.job_id = j.job_id
LEFT JOIN job_failures d ON d.job_id = j.job_id AND d.seq > coalesce(l.seq, 0)
LEFT JOIN readings r ON r.reading_id = l.reading_id
LEFT JOIN outcomes o
    ON o.reading_id = l.reading_id AND (o.state = 'completed' OR o.seq > coalesce(r.seq, 0));
