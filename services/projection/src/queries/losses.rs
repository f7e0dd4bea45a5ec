//! Reading what the log has lost, and what stood where it is to be lost.

use hilum_api::Loss;
use hilum_events::{JobId, LostFact, ReadingId, StudyId};
use serde::Deserialize;

use super::{Queries, unwrapped};

impl Queries {
    /// What the log has lost of a job, or of the reading that it shares.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn losses_of_job(&self, job_id: JobId) -> Result<Vec<Loss>, sqlx::Error> {
        let sql = "SELECT to_jsonb(x) FROM losses x WHERE x.job_id = $1
                OR x.reading_id = (SELECT l.reading_id FROM links l WHERE l.job_id = $1) ORDER BY lost_seq";
        let rows = sqlx::query_scalar(sql).bind(job_id.as_uuid()).fetch_all(&self.pool).await?;
        Ok(unwrapped(rows))
    }

    /// What the log has lost of a study, of its jobs and of their readings.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn losses_of_study(&self, study_id: StudyId) -> Result<Vec<Loss>, sqlx::Error> {
        let sql = "SELECT to_jsonb(x) FROM losses x WHERE x.study_id = $1
                OR x.job_id IN (SELECT j.job_id FROM jobs j WHERE j.study_id = $1)
                OR x.reading_id IN (SELECT l.reading_id FROM links l JOIN jobs j USING (job_id) WHERE j.study_id = $1)
            ORDER BY lost_seq";
        let rows = sqlx::query_scalar(sql).bind(study_id.as_uuid()).fetch_all(&self.pool).await?;
        Ok(unwrapped(rows))
    }

    /// What the tables know of the facts at these positions.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn facts_between(&self, first_seq: u64, last_seq: u64) -> Result<Vec<LostFact>, sqlx::Error> {
        let sql = "SELECT to_jsonb(h) - 'occurred_at' FROM history h
            WHERE seq BETWEEN $1::text::bigint AND $2::text::bigint ORDER BY seq";
        let rows: Vec<sqlx::types::Json<Known>> = sqlx::query_scalar(sql)
            .bind(first_seq.to_string())
            .bind(last_seq.to_string())
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(|row| row.0.into()).collect())
    }
}

/// A row of the history.
#[derive(Deserialize)]
struct Known {
    seq: u64,
    event: String,
    job_id: Option<JobId>,
    reading_id: Option<ReadingId>,
    study_id: Option<StudyId>,
}

impl From<Known> for LostFact {
    fn from(Known { seq, event, job_id, reading_id, study_id }: Known) -> Self {
        Self { seq, event, job_id, reading_id, study_id }
    }
}
