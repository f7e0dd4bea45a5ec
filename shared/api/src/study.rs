//! Studies: the images that are reported together, their reports, and the worklist of those that were flagged.

use hilum_events::{JobId, Notice, ReportCause, Site, StudyId, StudyRef};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::study_parts::{Delivery, Flag, MaybeNewer, Missing, TakenOut};
use crate::{Job, Loss};

/// A study without its jobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StudySummary {
    /// Its id.
    pub study_id: StudyId,
    /// The sender's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub study_ref: Option<StudyRef>,
    /// Where it came from.
    pub site: Site,
    /// When its first image came.
    pub created_at: Timestamp,
    /// When its newest image came.
    pub last_image_at: Timestamp,
    /// When the sender last said that no more images come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// How many jobs it has.
    pub job_count: u64,
}

/// A revision of a study's report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReportRevision {
    /// 1 for the first.
    #[schema(minimum = 1)]
    pub revision: u32,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Why it was issued then.
    pub cause: ReportCause,
    /// Images with a reading.
    pub completed: u32,
    /// Images without a reading.
    pub failed: u32,
    /// Images that had no outcome when the time limit was over.
    pub pending: u32,
    /// Whether nothing that was expected is missing.
    pub complete: bool,
    /// What makes it doubtful whose the images are: `headers_differ`, `without_patient` (a picture names no patient),
    /// `instance_twice` (one instance has two contents), `taken_out`. The text is the sentence that every form of the report
    /// has. Absent when nothing does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Notice>,
    /// What is missing, of the last report if it is not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Missing>>)]
    pub missing: Option<Vec<MaybeNewer<Missing>>>,
}

/// A study, its jobs, its reports and what became of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Study {
    /// The study itself.
    #[serde(flatten)]
    pub summary: StudySummary,
    /// In the order their images came; see `next` when there are more than a page holds.
    pub jobs: Vec<Job>,
    /// There are more jobs: give it as `after`. Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<JobId>,
    /// Its reports, oldest first.
    pub reports: Vec<ReportRevision>,
    /// The flags of triage rules, oldest first.
    pub flags: Vec<Flag>,
    /// How the delivery of each report and flag to each target stands, as far as it was recorded; one that is under way for
    /// the first time is not listed.
    pub deliveries: Vec<Delivery>,
    /// Facts about it that the event log has lost, which an operator accepted; absent when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<Loss>,
    /// Its images that were taken out again; absent when none was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken_out: Vec<TakenOut>,
}

/// A study of the worklist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlaggedStudy {
    /// The study.
    #[serde(flatten)]
    pub study: StudySummary,
    /// All its flags, oldest first.
    pub flags: Vec<Flag>,
    /// The doubts of its last report; absent when it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Notice>,
}

/// The studies that triage rules flagged, the one that was flagged last first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Worklist {
    /// The studies.
    pub studies: Vec<FlaggedStudy>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}
