//! What became of a file.

use std::path::PathBuf;

use hilum_api::{Accepted, Job, JobResult};
use hilum_events::JobId;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::answer::Answer;

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
    /// Taken in. Of content that was read before its reading came with the answer; else it was not waited for.
    Accepted(Answer<Accepted>),
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
        job: Answer<Job>,
        /// What the model says of it.
        reading: Answer<JobResult>,
    },
    /// It has none, for good.
    Failed(Answer<Job>),
    /// No outcome yet.
    Unfinished(Answer<Job>),
    /// Taken in, but its outcome could not be asked for.
    Unknown {
        /// The answer to the upload.
        accepted: Answer<Accepted>,
        /// What went wrong then.
        reason: String,
    },
}

impl FileOutcome {
    /// The job, if it was taken in.
    pub fn job_id(&self) -> Option<JobId> {
        match self {
            Self::Accepted(accepted) | Self::Unknown { accepted, .. } => Some(accepted.job_id),
            Self::Read { job, .. } | Self::Failed(job) | Self::Unfinished(job) => Some(job.job_id),
            Self::Refused { .. } | Self::NotSent { .. } => None,
        }
    }

    /// What the model says of it, if it was read.
    pub fn reading(&self) -> Option<&JobResult> {
        match self {
            Self::Accepted(accepted) => accepted.result.as_ref(),
            Self::Read { reading, .. } => Some(reading),
            _ => None,
        }
    }

    /// The job whose reading it shares.
    pub fn duplicate_of(&self) -> Option<JobId> {
        match self {
            Self::Accepted(accepted) => accepted.duplicate_of,
            Self::Read { job, .. } | Self::Failed(job) | Self::Unfinished(job) => job.duplicate_of,
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
}

impl Sent {
    /// For programs.
    pub fn to_json(&self) -> Value {
        let mut line = match &self.outcome {
            FileOutcome::Accepted(accepted) => {
                let mut line = fields(accepted);
                let reading = line.remove("result");
                line.extend(reading.iter().flat_map(fields));
                line
            }
            FileOutcome::Refused { status, reason } => {
                fields(json!({ "status": "REFUSED", "http_status": status, "reason": reason }))
            }
            FileOutcome::NotSent { reason } => fields(json!({ "status": "NOT_SENT", "reason": reason })),
            FileOutcome::Read { job, reading } => {
                let mut line = fields(job);
                line.extend(fields(reading));
                line
            }
            FileOutcome::Failed(job) | FileOutcome::Unfinished(job) => fields(job),
            FileOutcome::Unknown { accepted, reason } => {
                let mut line = fields(accepted);
                line.extend(fields(json!({ "status": "UNKNOWN", "reason": reason })));
                line
            }
        };
        if let Some(reading) = self.outcome.reading() {
            // The maps are for pictures.
            line.remove("activation_maps");
            line.insert("notice".to_owned(), json!(reading.notice()));
        }
        // Names of files need not be text.
        line.insert("file".to_owned(), json!(self.file.to_string_lossy()));
        line.insert("seconds".to_owned(), json!(self.seconds));
        Value::Object(line)
    }
}

/// What stands in an answer.
fn fields(answer: impl Serialize) -> Map<String, Value> {
    match json!(answer) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
