//! Reading which images were taken out of a study.

use hilum_api::TakenOut;
use hilum_events::StudyId;

use super::{Queries, unwrapped};

impl Queries {
    /// The images that were taken out of a study, in the order in which they were.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn taken_out(&self, study_id: StudyId) -> Result<Vec<TakenOut>, sqlx::Error> {
        let sql = "SELECT to_jsonb(t) FROM taken_out t WHERE t.study_id = $1 ORDER BY t.seq";
        let rows = sqlx::query_scalar(sql).bind(study_id.as_uuid()).fetch_all(&self.pool).await?;
        Ok(unwrapped(rows))
    }
}
