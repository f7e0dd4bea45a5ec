//! What is known of facts that the log has lost.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{JobId, ReadingId, Site, StudyId};

/// Somebody accepted that the log has lost the facts at these positions, which none of its servers can read any more:
/// whoever reads the whole log goes on behind them. It belongs to no site: `log` stands in the place of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogLossAccepted {
    /// The first position that is lost.
    pub first_seq: u64,
    /// The last one: all between them are lost too.
    pub last_seq: u64,
    /// The operator who accepted it.
    pub by: String,
    /// Why.
    pub why: String,
    /// What the tables still knew of what stood there, in the order of its positions.
    pub lost: Vec<LostFact>,
}

/// What is still known of a fact that is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LostFact {
    /// Where it stood.
    pub seq: u64,
    /// Name of the event.
    pub event: String,
    /// The job that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<JobId>,
    /// The reading that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading_id: Option<ReadingId>,
    /// The study that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study_id: Option<StudyId>,
}

impl LogLossAccepted {
    /// What one fact tells at most: it has to fit into a message.
    pub const POSITIONS_MAX: u64 = 4096;

    /// The token of subjects that stands in the place of a site.
    pub fn site() -> Site {
        "log".parse().expect("fits the rule of sites")
    }

    /// Where the story of a loss begins: it follows from which log it is and what is lost.
    pub fn origin(epoch: &str, first_seq: u64) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("log/{epoch}/loss/{first_seq}").as_bytes())
    }
}
