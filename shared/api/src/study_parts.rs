//! What hangs on a study: flags, deliveries, images that were taken out, and what its report misses.

use hilum_events::{DeliveredObject, DeliveryTarget, FlagAction, JobId, Measure, ReadingId, RuleName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The flag of a triage rule on a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Flag {
    /// The rule.
    pub rule: RuleName,
    /// When it matched.
    pub flagged_at: Timestamp,
    /// The image that it matched.
    pub job_id: JobId,
    /// The reading of that image.
    pub reading_id: ReadingId,
    /// The label.
    pub label: String,
    /// What the rule compares.
    pub measure: Measure,
    /// What it found.
    #[schema(minimum = 0, maximum = 1)]
    pub value: f32,
    /// It matches at this value and above.
    #[schema(minimum = 0, maximum = 1)]
    pub threshold: f32,
    /// What it wants done.
    pub actions: Vec<FlagAction>,
    /// `UNTRAINED …`: that the flag means nothing, when an untrained model made the reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// The target took it.
    Delivered,
    /// It was given up.
    Failed,
    /// It was given up and is tried once more.
    Redriven,
    /// It was given up and is not tried again.
    Discarded,
}

impl DeliveryState {
    /// The word of the API and of the tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Redriven => "redriven",
            Self::Discarded => "discarded",
        }
    }
}

/// How a delivery of a study stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// What is delivered, such as `report-2` or `flag-effusion`.
    #[schema(examples("report-2", "flag-effusion"))]
    pub matter: String,
    /// Where to.
    pub target: DeliveryTarget,
    /// What was last recorded of it.
    pub state: DeliveryState,
    /// Which round of tries, one more with each redrive; of what is redriven or discarded, the one that failed.
    #[schema(minimum = 1)]
    pub attempt: u32,
    /// When that was recorded.
    pub at: Timestamp,
    /// How the target acknowledged it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// What was handed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<Vec<DeliveredObject>>,
    /// How often it was tried before it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tries: Option<u64>,
    /// Why it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The operator who decided what becomes of it then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<String>,
    /// The operator's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_why: Option<String>,
}

/// An image that was taken out of its study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TakenOut {
    /// The upload.
    pub job_id: JobId,
    /// When it was taken out.
    pub taken_out_at: Timestamp,
    /// The operator who took it out.
    pub taken_out_by: String,
    /// The operator's reason.
    pub taken_out_why: String,
}

/// A value whose kinds have grown before: what is of a newer release is kept as it came, so that it can be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MaybeNewer<T> {
    /// Of this release or one before.
    Known(T),
    /// Of a newer one.
    Newer(Value),
}

/// Something that was expected and had not come when a report had to be issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Missing {
    /// Images of the study.
    Images {
        /// How many were announced or expected.
        expected: u32,
        /// How many of them came.
        arrived: u32,
    },
    /// A series of the study.
    Series {
        /// Its name in the setting that expects it.
        name: String,
    },
    /// Images beyond the most that one report is about.
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
