//! Whether a report has all that was expected of its study.

use hilum_events::JobId;
use serde::{Deserialize, Serialize};

/// Whether all that was expected is there, and what is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completeness {
    /// Whether nothing is missing.
    pub complete: bool,
    /// What is missing; empty if nothing is.
    pub missing: Vec<Missing>,
}

/// Something that was expected and had not come when the report had to be issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Missing {
    /// Images of the study.
    Images {
        /// How many were expected.
        expected: u32,
        /// How many arrived.
        arrived: u32,
    },
    /// A series of the study.
    Series {
        /// Its name in the setting that expects it.
        name: String,
    },
    /// Images beyond the most that one report tells of.
    Beyond {
        /// How many that is.
        most: u32,
    },
    /// The outcome of an image that arrived.
    Outcome {
        /// The image's job.
        job_id: JobId,
    },
}
