-- Images that were taken out of their study again. Who did that, and why, is told with the study and goes nowhere else.
CREATE TABLE taken_out (
    job_id        uuid PRIMARY KEY,
    study_id      uuid NOT NULL,
    seq           bigint NOT NULL,
    taken_out_by  text NOT NULL,
    taken_out_why text NOT NULL,
    taken_out_at  timestamptz NOT NULL
);
CREATE INDEX taken_out_by_study ON taken_out (study_id);
