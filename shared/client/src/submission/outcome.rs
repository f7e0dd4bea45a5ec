//! What became of a file.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::client::{Accepted, Job, JobStatus, Reading};

/// A file and what became of it.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The file.
    pub(crate) file: PathBuf,
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// From taking it in to its outcome as the stack tells, or else what the upload took.
    pub(crate) seconds: f64,
}

/// What became of a file.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Taken in; its outcome was not waited for.
    Accepted(Accepted),
    /// Not taken in.
    Refused { status: u16, reason: String },
    /// It could not be read or the stack could not be reached.
    NotSent { reason: String },
    /// It has a reading.
    Read { job: Job, reading: Reading },
    /// It has none, for good.
    Failed(Job),
    /// No outcome yet.
    Unfinished(Job),
    /// Taken in, but its outcome could not be asked for.
    Unknown { accepted: Accepted, reason: String },
}

impl Outcome {
    /// What is known once a file was taken in: of content that was read before, everything.
    pub(crate) fn of(mut accepted: Accepted) -> Self {
        match (accepted.status, accepted.result.take()) {
            (JobStatus::Completed, Some(reading)) => Self::Read { job: accepted.job(), reading },
            _ => Self::Accepted(accepted),
        }
    }

    /// The job, if it was taken in.
    pub(crate) fn job_id(&self) -> Option<&str> {
        match self {
            Self::Accepted(accepted) | Self::Unknown { accepted, .. } => Some(&accepted.job_id),
            Self::Read { job, .. } | Self::Failed(job) | Self::Unfinished(job) => Some(&job.job_id),
            Self::Refused { .. } | Self::NotSent { .. } => None,
        }
    }

    /// The job whose reading it shares.
    pub(crate) fn duplicate_of(&self) -> Option<&str> {
        match self {
            Self::Read { job, .. } | Self::Failed(job) | Self::Unfinished(job) => job.duplicate_of.as_deref(),
            _ => None,
        }
    }

    /// From taking it in to its outcome.
    pub(crate) fn seconds(&self) -> Option<f64> {
        match self {
            Self::Read { job, .. } | Self::Failed(job) => job.seconds(),
            _ => None,
        }
    }

    /// Whether it went as one wishes.
    pub(crate) fn is_good(&self) -> bool {
        matches!(self, Self::Accepted(_) | Self::Read { .. })
    }

    /// What to know before the numbers are looked at.
    pub(crate) fn notice(&self) -> Option<&str> {
        match self {
            Self::Read { reading, .. } => reading.notice(),
            _ => None,
        }
    }
}

impl Sent {
    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        let mut line = match &self.outcome {
            Outcome::Accepted(accepted) => json!(accepted),
            Outcome::Refused { status, reason } => {
                json!({ "status": "REFUSED", "http_status": status, "reason": reason })
            }
            Outcome::NotSent { reason } => json!({ "status": "NOT_SENT", "reason": reason }),
            Outcome::Read { job, reading } => fields(json!(job), shortened(reading)),
            Outcome::Failed(job) | Outcome::Unfinished(job) => json!(job),
            Outcome::Unknown { accepted, reason } => {
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
