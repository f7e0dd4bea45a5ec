//! Deliveries: what a target took, what failed, and what an operator decided about that.

use serde::{Deserialize, Serialize};

use super::Resolution;
use crate::ids::{DeliveryTarget, RuleName, Sha256Digest, StudyId};

/// What is delivered to a target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matter {
    /// A revision of the study's report.
    Report(u32),
    /// The flag of this rule.
    Flag(RuleName),
}

/// An object as it was handed to a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeliveredObject {
    /// The form, such as `dicom-sr`.
    pub form: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
    /// Length in bytes.
    pub size_bytes: u64,
}

/// A target took what was delivered, and said so; or it had taken a newer revision before, and this one was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportDelivered {
    /// The study.
    pub study_id: StudyId,
    /// Its report or a flag.
    pub matter: Matter,
    /// The target.
    pub target: DeliveryTarget,
    /// 1 for the first round of tries, one more with each redrive.
    pub attempt: u32,
    /// What was handed over.
    pub objects: Vec<DeliveredObject>,
    /// How the target said so, such as `HTTP 201` or `C-STORE 0x0000`.
    pub receipt: String,
    /// The newer revision that the target had taken before: this one was not sent and never will be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<u32>,
}

/// A target did not take what was to be delivered, and trying was given up; its story is in the dead-letter stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryFailed {
    /// The study.
    pub study_id: StudyId,
    /// Its report or a flag.
    pub matter: Matter,
    /// The target.
    pub target: DeliveryTarget,
    /// Which round of tries failed.
    pub attempt: u32,
    /// The consumer that gave up.
    pub consumer: String,
    /// Position in the event stream of the message it gave up on.
    pub stream_seq: u64,
    /// How often it was tried.
    pub tries: u64,
    /// Sentence for people.
    pub reason: String,
}

/// An operator decided what becomes of a failed delivery. Decided once for each round: what fails again after a
/// redrive is another dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryResolved {
    /// The study.
    pub study_id: StudyId,
    /// Its report or a flag.
    pub matter: Matter,
    /// The target.
    pub target: DeliveryTarget,
    /// Which round of tries failed.
    pub attempt: u32,
    /// The decision.
    pub resolution: Resolution,
    /// The operator who decided.
    pub by: String,
    /// Why.
    pub why: String,
}
