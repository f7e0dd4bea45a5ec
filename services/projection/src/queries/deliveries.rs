//! Reading how deliveries stand.

use hilum_api::Delivery;
use hilum_events::StudyId;

use super::{Queries, unwrapped};
impl Queries {
    /// How the deliveries of a study stand, one for each matter and target, in the order in which that was recorded.
    /// One that is under way for the first time is not among them: only its target's settings know of it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn deliveries(&self, study_id: StudyId) -> Result<Vec<Delivery>, sqlx::Error> {
        // What was taken stays taken, whatever is recorded after it. What was decided about is returned with why it had failed.
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
