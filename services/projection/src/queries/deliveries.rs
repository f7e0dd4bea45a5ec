//! Reading how deliveries stand.

use hilum_events::{DeliveredObject, DeliveryTarget, StudyId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Queries, unwrapped};
use crate::rows::DeliveryState;

/// How a delivery of a study stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Such as `report-2` or `flag-effusion`.
    pub matter: String,
    /// The target.
    pub target: DeliveryTarget,
    /// What was last told of it.
    pub state: DeliveryState,
    /// Which round of tries, from 1; if somebody decided about it, the one that failed.
    pub attempt: u32,
    /// When it was told.
    pub at: Timestamp,
    /// How the target said that it took it.
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
    /// Who decided what becomes of it then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_why: Option<String>,
}

impl Queries {
    /// How the deliveries of a study stand, one for each matter and target, in the order in which that was told. One
    /// that is under way for the first time is not among them: only its target's settings know of it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn deliveries(&self, study_id: StudyId) -> Result<Vec<Delivery>, sqlx::Error> {
        // What was taken stays taken, whatever is told after it. What was decided about is told with why it had failed.
        let sql = "SELECT to_jsonb(d) || jsonb_build_object(
                'tries', coalesce(d.tries, f.tries), 'reason', coalesce(d.reason, f.reason))
            FROM (
                SELECT DISTINCT ON (matter, target) * FROM deliveries WHERE study_id = $1
                ORDER BY matter, target, (state = 'delivered') DESC, attempt DESC, seq DESC
            ) d LEFT JOIN deliveries f ON d.state IN ('redriven', 'discarded') AND f.state = 'failed'
                AND f.study_id = d.study_id AND f.matter = d.matter AND f.target = d.target
                AND f.attempt = d.attempt
            ORDER BY d.seq";
        let rows = sqlx::query_scalar(sql).bind(study_id.as_uuid()).fetch_all(&self.pool).await?;
        Ok(unwrapped(rows))
    }
}
