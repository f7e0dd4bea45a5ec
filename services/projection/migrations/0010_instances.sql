-- DICOM objects by their identifiers, one row per upload of one, from ImageStored: for DICOMweb. Nothing of a patient: what else
-- a header says is read from the object when it is asked for.
CREATE TABLE instances (
    job_id              uuid PRIMARY KEY,
    stored_seq          bigint NOT NULL UNIQUE,
    site                text NOT NULL,
    study_instance_uid  text NOT NULL,
    series_instance_uid text NOT NULL,
    sop_instance_uid    text NOT NULL,
    modality            text,
    transfer_syntax_uid text NOT NULL,
    rows_px             bigint NOT NULL,
    columns_px          bigint NOT NULL,
    sha256              text NOT NULL,
    object_key          text NOT NULL,
    size_bytes          bigint NOT NULL
);
CREATE INDEX instances_by_study ON instances (study_instance_uid, stored_seq);
CREATE INDEX instances_by_series ON instances (series_instance_uid);
CREATE INDEX instances_by_instance ON instances (sop_instance_uid, stored_seq);
-- Jobs of before this table, whose facts are folded once more.
CREATE INDEX jobs_of_dicom ON jobs (stored_seq) WHERE media_type = 'application/dicom';
