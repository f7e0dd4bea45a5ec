//! What became of a file.

use std::path::PathBuf;

use hilum_api::JobStatus;
use serde_json::{Value, json};

use crate::answers::{Accepted, Job, Reading};

/// A file and what became of it.
#[derive(Debug)]
pub struct Sent {
    /// The file.
    pub file: PathBuf,
    /// What became of it.
    pub outcome: FileOutcome,
    /// From taking it in to its outcome as the stack tells, or else what the upload took.
    pub seconds: f64,
}

/// What became of a file.
#[derive(Debug)]
pub enum FileOutcome {
    /// Taken in; its outcome was not waited for.
    Accepted(Accepted),
    /// Not taken in.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the stack says.
        reason: String,
    },
    /// It could not be read or the stack could not be reached.
    NotSent {
        /// What went wrong.
        reason: String,
    },
    /// It has a reading.
    Read {
        /// The job.
        job: Job,
        /// What the model says of it.
        reading: Reading,
    },
    /// It has none, for good.
    Failed(Job),
    /// No outcome yet.
    Unfinished(Job),
    /// Taken in, but its outcome could not be asked for.
    Unknown {
        /// The answer to the upload.
        accepted: Accepted,
        /// What went wrong then.
        reason: String,
    },
}

impl FileOutcome {
    /// What is known once a file was taken in: of content that was read before, everything.
    pub fn of(mut accepted: Accepted) -> Self {
        match (accepted.status, accepted.result.take()) {
            (JobStatus::Completed, Some(reading)) => Self::Read { job: accepted.job(), reading },
            _ => Self::Accepted(accepted),
        }
    }

    /// The job, if it was taken in.
    pub fn job_id(&self) -> Option<&str> {
        match self {
            Self::Accepted(accepted) | Self::Unknown { accepted, .. } => Some(&accepted.job_id),
            Self::Read { job, .. } | Self::Failed(job) | Self::Unfinished(job) => Some(&job.job_id),
            Self::Refused { .. } | Self::NotSent { .. } => None,
        }
    }

    /// The job whose reading it shares.
    pub fn duplicate_of(&self) -> Option<&str> {
        match self {
            Self::Read { job, .. } | Self::Failed(job) | Self::Unfinished(job) => job.duplicate_of.as_deref(),
            _ => None,
        }
    }

    /// From taking it in to its outcome.
    pub fn seconds(&self) -> Option<f64> {
        match self {
            Self::Read { job, .. } | Self::Failed(job) => job.seconds(),
            _ => None,
        }
    }

    /// Whether it went as one wishes.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Accepted(_) | Self::Read { .. })
    }

    /// What to know before the numbers are looked at.
    pub fn notice(&self) -> Option<&str> {
        match self {
            Self::Read { reading, .. } => reading.notice(),
            _ => None,
        }
    }
}

impl Sent {
    /// For programs.
    pub fn to_json(&self) -> Value {
        let mut line = match &self.outcome {
            FileOutcome::Accepted(accepted) => json!(accepted),
            FileOutcome::Refused { status, reason } => {
                json!({ "status": "REFUSED", "http_status": status, "reason": reason })
            }
            FileOutcome::NotSent { reason } => json!({ "status": "NOT_SENT", "reason": reason }),
            FileOutcome::Read { job, reading } => fields(json!(job), shortened(reading)),
            FileOutcome::Failed(job) | FileOutcome::Unfinished(job) => json!(job),
            FileOutcome::Unknown { accepted, reason } => {
                fields(json!(accepted), json!({ "status": "UNKNOWN", "reason": reason }))
            }
        };
        // Names of files need not be text.
        line["file"] = json!(self.file.to_string_lossy());
        line["seconds"] = json!(self.seconds);
        line
    }
}

/// The reading without its maps, which are for pictures.
fn shortened(reading: &Reading) -> Value {
    let mut value = json!(reading);
    if let Some(fields) = value.as_object_mut() {
        fields.remove("activation_maps");
        fields.insert("notice".to_owned(), json!(reading.notice()));
    }
    value
}

fn fields(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}
