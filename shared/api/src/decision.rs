//! What operators decide, and what they are answered: about dead letters, failed jobs, images in the wrong study, and what
//! the event log has lost.

use hilum_events::{DeliveryTarget, JobId, ReadingId, StudyId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::LetterState;

/// An operator's name and reason, for the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// The operator who decides; one line.
    #[serde(default)]
    #[schema(required, min_length = 1, max_length = 500, examples("ada@radiology"))]
    pub by: String,
    /// The reason; one line, never a patient's name or number.
    #[serde(default)]
    #[schema(required, min_length = 1, max_length = 500, examples("storage was restored"))]
    pub why: String,
}

/// What was decided about a dead letter, now or before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decided {
    /// The dead letter.
    #[schema(minimum = 1)]
    pub id: u64,
    /// The job, unless the work was a delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<JobId>,
    /// The delivery that was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<GivenUpDelivery>,
    /// What becomes of it.
    pub state: LetterState,
    /// Whether somebody had decided the same before.
    pub already: bool,
    /// The operator who decided.
    pub resolved_by: String,
    /// The operator's reason.
    pub resolved_why: String,
    /// When that was decided.
    pub resolved_at: Timestamp,
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GivenUpDelivery {
    /// The study.
    pub study_id: StudyId,
    /// What was to be delivered.
    #[schema(examples("report-2"))]
    pub matter: String,
    /// Where to.
    pub target: DeliveryTarget,
    /// Which round of tries failed.
    #[schema(minimum = 1)]
    pub attempt: u32,
}

/// A failed job that is tried once more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Retried {
    /// The job.
    pub job_id: JobId,
    /// The reading that is made again, if the job had one; all jobs that share it are tried again with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading_id: Option<ReadingId>,
    /// Always `redriven`.
    pub state: LetterState,
    /// The operator who decided.
    pub resolved_by: String,
    /// The operator's reason.
    pub resolved_why: String,
    /// When that was decided.
    pub resolved_at: Timestamp,
}

/// That an image leaves its study, as decided now or before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TakeOutDecided {
    /// The upload.
    pub job_id: JobId,
    /// The study.
    pub study_id: StudyId,
    /// Whether somebody had decided it before.
    pub already: bool,
    /// The operator who decided.
    pub taken_out_by: String,
    /// The operator's reason.
    pub taken_out_why: String,
    /// When that was decided.
    pub taken_out_at: Timestamp,
}

/// Positions of the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Positions {
    /// The first one.
    #[schema(minimum = 1)]
    pub first_seq: u64,
    /// The last one.
    #[schema(minimum = 1)]
    pub last_seq: u64,
}

/// Where readers of the event log stand at a hole, and which losses were accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Losses {
    /// Where the projection stands, if it can't go on.
    #[schema(required)]
    pub hole: Option<Positions>,
    /// In the order in which they were accepted.
    pub accepted: Vec<Positions>,
}

/// An operator has all readers of the log go on without what stood at these positions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LossAcceptance {
    /// The first position that is lost.
    #[schema(minimum = 1)]
    pub first_seq: u64,
    /// The last one.
    #[schema(minimum = 1)]
    pub last_seq: u64,
    /// The operator who decides; one line.
    #[serde(default)]
    #[schema(required, min_length = 1, max_length = 500, examples("ada@radiology"))]
    pub by: String,
    /// The reason; one line, never a patient's name or number.
    #[serde(default)]
    #[schema(required, min_length = 1, max_length = 500, examples("the disk is gone and no copy has it"))]
    pub why: String,
}
