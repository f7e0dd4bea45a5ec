//! What is known of a study, and its reports.

use serde::{Deserialize, Serialize};

use super::BlobRef;
use crate::ids::{DeliveryTarget, JobId, ReadingId, RuleName, Sha256Digest, StudyId};
use crate::reading::Notice;

/// Somebody said that no more images of a study will come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudyCloseRequested {
    /// The study.
    pub study_id: StudyId,
    /// Tells one request from the next.
    pub request_id: uuid::Uuid,
}

/// Somebody said what a study consists of. The newest of a study counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudyManifestReceived {
    /// The study.
    pub study_id: StudyId,
    /// Tells one manifest from the next.
    pub request_id: uuid::Uuid,
    /// How many images it has in all.
    pub images: u32,
    /// Images by the SHA-256 of their files, if the sender knows them.
    pub sha256: Vec<Sha256Digest>,
    /// Images by SOP Instance UID, if the sender knows them.
    pub sop_instance_uids: Vec<String>,
}

/// What is to be done about a study that a rule flagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FlagAction {
    /// Its images are read before routine ones.
    RaisePriority,
    /// The rule's targets are told.
    Notify,
    /// It is marked in the worklist.
    Worklist,
}

/// What of a finding a rule compares with its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The probability, 0 to 1.
    Probability,
    /// The operating-point score, 0 to 1, 0.5 at the operating point.
    OperatingPointScore,
}

/// A triage rule matched a reading of a study. Once for each rule and study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyFlagged {
    /// The study.
    pub study_id: StudyId,
    /// The rule's name.
    pub rule: RuleName,
    /// The image.
    pub job_id: JobId,
    /// Its reading.
    pub reading_id: ReadingId,
    /// The label.
    pub label: String,
    /// What the rule compares.
    pub measure: Measure,
    /// What it found, 0 to 1.
    pub value: f32,
    /// The rule matches at this value and above, 0 to 1.
    pub threshold: f32,
    /// What the rule wants done.
    pub actions: Vec<FlagAction>,
    /// Who is to be told, when `actions` has [`FlagAction::Notify`].
    pub targets: Vec<DeliveryTarget>,
    /// Whether the reading is that of an untrained model, for a demonstration: then the flag means nothing. Left out when
    /// not, and by releases that flagged such readings as any other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untrained: bool,
}

/// Why a report was issued when it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReportCause {
    /// All known images had an outcome and nothing new came for the quiet time.
    QuietTime,
    /// All known images had an outcome and the sender had closed the study.
    Closed,
    /// As many images as the sender had announced, or all that its manifest names, had an outcome. Since version 3.
    Expected,
    /// Every series that the site expects had come, and all images had an outcome. Since version 3.
    ExpectedSeries,
    /// The time that the site gives a study was over: what was there is reported, and what is missing. Since version 3.
    TimeLimit,
    /// An image that the revision before tells of was taken out of the study, whatever else the study waits for. Since there is
    /// [`crate::ImageTakenOut`].
    ImageTakenOut,
}

/// A revision of a study's report was issued and is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportIssued {
    /// The study.
    pub study_id: StudyId,
    /// 1 for the first; each later one names what changed.
    pub revision: u32,
    /// Why now.
    pub cause: ReportCause,
    /// The document: all other forms are made of it.
    pub json: BlobRef,
    /// The page for people as version 1 kept it. `None` since version 2: it is made when somebody asks.
    #[serde(default)]
    pub html: Option<BlobRef>,
    /// Pictures for people that were made for this report. Those that were kept with a reading are named by its fact.
    /// Since version 2.
    #[serde(default)]
    pub previews: Vec<BlobRef>,
    /// The jobs it covers, in the order their images came.
    pub job_ids: Vec<JobId>,
    /// How many of them have a reading.
    pub completed: u32,
    /// How many failed.
    pub failed: u32,
    /// How many had no outcome yet: more than none only when the time limit was over. Since version 3.
    #[serde(default)]
    pub pending: u32,
    /// Whether nothing that was expected is missing. Since version 3; reports before it were complete.
    #[serde(default = "complete")]
    pub complete: bool,
    /// What makes it doubtful whose the images are. Words of ours only. Left out when nothing does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Notice>,
}

fn complete() -> bool {
    true
}
