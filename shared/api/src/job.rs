//! Jobs: where one stands, what happened to it so far, and what the log has lost of it.

use hilum_events::{
    JobId, Priority, ReaderIdentity, ReadingId, Resolution, Sha256Digest, Site, StudyId, StudyRef,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobStatus {
    /// Stored; nobody asked for a reading yet.
    Queued,
    /// Its reading was requested, or it shares one that was.
    InProgress,
    /// Its reading was made.
    Completed,
    /// Its reading can't be made or was given up.
    Failed,
}

impl JobStatus {
    /// The word of the API and of the tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether nothing more happens, unless someone redrives the job.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// An upload and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its id, as in the answer to the upload.
    pub job_id: JobId,
    /// Where it stands.
    pub status: JobStatus,
    /// When the image was taken in.
    pub created_at: Timestamp,
    /// Where it came from.
    pub site: Site,
    /// The study it belongs to.
    pub study_id: StudyId,
    /// The sender's name for the study.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub study_ref: Option<StudyRef>,
    /// Of the image's bytes, 64 hexadecimal digits.
    pub sha256: Sha256Digest,
    /// Length of the image, bytes.
    pub size_bytes: u64,
    /// IANA media type, such as `application/dicom`.
    #[schema(examples("application/dicom"))]
    pub media_type: String,
    /// How soon its reading is wanted.
    pub priority: Priority,
    /// The reading it waits for or has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading_id: Option<ReadingId>,
    /// The job whose reading it shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<JobId>,
    /// When its reading was requested, or shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it completed or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// For people: why it failed and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For programs: why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
    /// Of a job in progress: what its image waits for that no worker has, such as another version of the model, with how
    /// many wait and for how long. Absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// The release, model and rules that judged that its image can't be read. Absent also where the first releases judged so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_by: Option<ReaderIdentity>,
    /// W3C trace id of its story.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

impl Job {
    /// From the upload to the outcome, seconds; `None` before it.
    pub fn seconds(&self) -> Option<f64> {
        Some(self.ended_at?.duration_since(self.created_at).as_secs_f64().max(0.0))
    }
}

/// One step in the life of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobStep {
    /// Position in the event log.
    pub seq: u64,
    /// Name of the event.
    #[schema(examples("image-stored"))]
    pub event: String,
    /// When it happened.
    pub at: Timestamp,
    /// What was decided, for `dead-letter-resolved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
}

/// A fact that the event log has lost, as the tables knew it. An operator accepted the loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Loss {
    /// Where it stood.
    pub lost_seq: u64,
    /// Name of the event.
    #[schema(examples("image-stored"))]
    pub event: String,
    /// When the loss was accepted.
    pub accepted_at: Timestamp,
    /// The operator who accepted it.
    pub accepted_by: String,
    /// The operator's reason.
    pub accepted_why: String,
}

/// A job and what happened to it so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobWithHistory {
    /// The job.
    #[serde(flatten)]
    pub job: Job,
    /// Its steps, oldest first.
    pub history: Vec<JobStep>,
    /// Facts about it that the event log has lost, which an operator accepted; absent when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<Loss>,
}

/// A page of jobs, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobList {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<JobId>,
}

/// The data of a server-sent event about a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobEvent {
    /// Name of the event; absent in the last one, `ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// When it happened.
    pub at: Timestamp,
    /// The job's status after it.
    pub status: JobStatus,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::samples;

    #[test]
    fn a_job_takes_from_its_creation_to_its_end() {
        let mut job = samples::job();
        job.ended_at = None;
        assert_eq!(job.seconds(), None);
        job.ended_at = Some(job.created_at + Duration::from_millis(1500));
        assert_eq!(job.seconds(), Some(1.5));
    }
}
