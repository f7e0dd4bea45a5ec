-- Facts that the log has lost, as far as the tables knew them when the loss was accepted. Who did that, and why, is told with
-- the job and the study and goes nowhere else.
CREATE TABLE losses (
    lost_seq     bigint PRIMARY KEY,
    seq          bigint NOT NULL,
    event        text NOT NULL,
    job_id       uuid,
    reading_id   uuid,
    study_id     uuid,
    accepted_by  text NOT NULL,
    accepted_why text NOT NULL,
    accepted_at  timestamptz NOT NULL
);
CREATE INDEX losses_by_job ON losses (job_id);
CREATE INDEX losses_by_study ON losses (study_id);
CREATE INDEX losses_by_reading ON losses (reading_id);
