//! The rows of the tables as the fold writes them. Field names are column names; rows travel to Postgres as
//! JSON, so a row's struct is the only list of its columns besides the migration.

use hilum_api::DeliveryState;
use hilum_events::{
    BlobRef, DeliveredObject, DeliveryTarget, FlagAction, InferenceCompleted, JobId, Measure, Notice,
    Priority, ReaderIdentity, ReadingId, ReportCause, Resolution, RuleName, Sha256Digest, Site, StudyId,
    StudyRef,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A study, as far as its images tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct StudyRow {
    pub study_id: StudyId,
    pub site: Site,
    pub study_ref: Option<StudyRef>,
    pub created_at: Timestamp,
    pub last_image_at: Timestamp,
}

/// An upload.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct JobRow {
    pub job_id: JobId,
    pub stored_seq: u64,
    pub site: Site,
    pub study_id: StudyId,
    pub sha256: Sha256Digest,
    pub size_bytes: u64,
    pub media_type: &'static str,
    pub priority: Priority,
    pub created_at: Timestamp,
    pub trace_id: Option<String>,
}

/// A DICOM object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct InstanceRow {
    pub job_id: JobId,
    pub stored_seq: u64,
    pub site: Site,
    pub study_instance_uid: String,
    pub series_instance_uid: String,
    pub sop_instance_uid: String,
    pub modality: Option<String>,
    pub transfer_syntax_uid: String,
    pub rows_px: u32,
    pub columns_px: u32,
    pub sha256: Sha256Digest,
    pub object_key: String,
    pub size_bytes: u64,
}

/// A job waits for a reading.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct LinkRow {
    pub job_id: JobId,
    pub seq: u64,
    pub reading_id: ReadingId,
    pub duplicate_of: Option<JobId>,
    pub linked_at: Timestamp,
}

/// A job was given up before it had a reading.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct JobFailureRow {
    pub job_id: JobId,
    pub seq: u64,
    pub reason: String,
    pub dead_at: Timestamp,
}

/// A reading was requested.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct ReadingRow {
    pub reading_id: ReadingId,
    pub seq: u64,
    pub site: Site,
    pub primary_job_id: JobId,
    pub requested_at: Timestamp,
}

/// How a reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeState {
    /// It was made.
    Completed,
    /// It can't be made of this image.
    Failed,
    /// It was given up.
    Dead,
}

/// The end of a reading.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct OutcomeRow {
    pub reading_id: ReadingId,
    pub seq: u64,
    pub state: OutcomeState,
    pub ended_at: Timestamp,
    pub code: Option<String>,
    pub reason: Option<String>,
    pub completed: Option<InferenceCompleted>,
    pub failed_by: Option<ReaderIdentity>,
}

impl OutcomeRow {
    /// Of two outcomes of one reading the greater counts: the first completed one, else the latest.
    pub fn rank(&self) -> (bool, u64) {
        match self.state {
            OutcomeState::Completed => (true, u64::MAX - self.seq),
            _ => (false, self.seq),
        }
    }
}

/// A fact that the log has lost.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct LossRow {
    pub lost_seq: u64,
    pub seq: u64,
    pub event: String,
    pub job_id: Option<JobId>,
    pub reading_id: Option<ReadingId>,
    pub study_id: Option<StudyId>,
    pub accepted_by: String,
    pub accepted_why: String,
    pub accepted_at: Timestamp,
}

/// An image was taken out of its study.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct TakenOutRow {
    pub job_id: JobId,
    pub study_id: StudyId,
    pub seq: u64,
    pub taken_out_by: String,
    pub taken_out_why: String,
    pub taken_out_at: Timestamp,
}

/// A revision of a report.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct ReportRow {
    pub study_id: StudyId,
    pub revision: u32,
    pub seq: u64,
    pub issued_at: Timestamp,
    pub cause: ReportCause,
    pub json: BlobRef,
    pub html: Option<BlobRef>,
    pub completed: u32,
    pub failed: u32,
    pub pending: u32,
    pub complete: bool,
    pub doubts: Vec<Notice>,
}

/// A message that a consumer gave up.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct DeadLetterRow {
    pub seq: u64,
    pub consumer: String,
    pub stream_seq: u64,
    pub site: Site,
    pub job_id: Option<JobId>,
    pub reading_id: Option<ReadingId>,
    pub deliveries: u64,
    pub reason: String,
    pub at: Timestamp,
    pub study_id: Option<StudyId>,
    pub matter: Option<String>,
    pub target: Option<DeliveryTarget>,
    pub attempt: Option<u32>,
}

/// A rule flagged a study.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct FlagRow {
    pub study_id: StudyId,
    pub rule: RuleName,
    pub seq: u64,
    pub job_id: JobId,
    pub reading_id: ReadingId,
    pub label: String,
    pub measure: Measure,
    pub value: f32,
    pub threshold: f32,
    pub actions: Vec<FlagAction>,
    pub targets: Vec<DeliveryTarget>,
    pub flagged_at: Timestamp,
}

/// A fact about a delivery.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct DeliveryRow {
    pub seq: u64,
    pub study_id: StudyId,
    pub matter: String,
    pub target: DeliveryTarget,
    pub attempt: u32,
    pub state: DeliveryState,
    pub at: Timestamp,
    pub tries: Option<u64>,
    pub receipt: Option<String>,
    pub reason: Option<String>,
    pub objects: Option<Vec<DeliveredObject>>,
    pub resolved_by: Option<String>,
    pub resolved_why: Option<String>,
}

/// What an operator decided about a dead letter.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct ResolutionRow {
    pub job_id: JobId,
    pub stream_seq: u64,
    pub seq: u64,
    pub resolution: Resolution,
    pub resolved_by: String,
    pub resolved_why: String,
    pub resolved_at: Timestamp,
}

/// An event in the order of the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct HistoryRow {
    pub seq: u64,
    pub event: &'static str,
    pub job_id: Option<JobId>,
    pub reading_id: Option<ReadingId>,
    pub study_id: Option<StudyId>,
    pub occurred_at: Timestamp,
}

/// A message that this release could not fold.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migration")]
pub struct UnreadableRow {
    pub seq: u64,
    pub subject: String,
    pub reason: String,
}
