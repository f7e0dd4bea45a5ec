//! A rule of the site that found something in a reading to point out.

use hilum_events::JobId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A label that a rule pointed out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlagEntry {
    /// Name of the rule.
    pub rule: String,
    /// The model's name for the finding.
    pub label: String,
    /// The network's raw output for it, 0 to 1.
    pub probability: f32,
    /// Its score, 0 to 1, with 0.5 at the operating point; `None` if the label has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// The rule's threshold, 0 to 1.
    pub threshold: f32,
    /// The image's job.
    pub job_id: JobId,
    /// When it was flagged.
    pub at: Timestamp,
    /// Whether it means nothing, because an untrained model made the reading.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untrained: bool,
}
