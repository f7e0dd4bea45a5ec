//! Reading the dead letters and what became of them.

use hilum_api::{DeadLetter, LetterState};
use hilum_events::{DeliveryTarget, JobId, Site, StudyId};
use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use sqlx::types::Json;

use super::{Queries, unwrapped};

/// Which dead letters are listed.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterFilter {
    /// Given up by this service.
    pub service: Option<String>,
    /// In this state.
    pub state: Option<LetterState>,
    /// With these words in the reason, in capitals or not.
    pub reason: Option<String>,
    /// Of this job.
    pub job: Option<JobId>,
    /// Of this site.
    pub site: Option<Site>,
    /// Given up then or later.
    pub since: Option<Timestamp>,
    /// Given up before then.
    pub until: Option<Timestamp>,
    /// Older than this one.
    pub after: Option<u64>,
    /// That many at most.
    pub limit: u32,
}

const SELECT: &str = "SELECT jsonb_build_object(
        'id', d.seq, 'job_id', d.job_id, 'reading_id', d.reading_id, 'site', d.site,
        'study_id', d.study_id, 'matter', d.matter, 'target', d.target, 'attempt', d.attempt,
        'service', split_part(d.consumer, '-', 1), 'consumer', d.consumer, 'stream_seq', d.stream_seq,
        'tries', d.deliveries, 'reason', d.reason, 'at', d.at,
        'state', CASE WHEN x.resolution = 'discard' OR q.state = 'discarded' THEN 'discarded'
            WHEN x.resolution = 'redrive' OR q.state = 'redriven' THEN 'redriven' ELSE 'open' END,
        'resolved_by', coalesce(x.resolved_by, q.resolved_by),
        'resolved_why', coalesce(x.resolved_why, q.resolved_why),
        'resolved_at', coalesce(x.resolved_at, q.at))
    FROM dead_letters d LEFT JOIN resolutions x ON x.job_id = d.job_id AND x.stream_seq = d.stream_seq
    LEFT JOIN deliveries q ON q.state IN ('redriven', 'discarded') AND q.study_id = d.study_id
        AND q.matter = d.matter AND q.target = d.target AND q.attempt = d.attempt";

/// Times come as text: sqlx knows no type for a jiff timestamp.
const WHERE: &str = "WHERE ($1::text IS NULL OR split_part(d.consumer, '-', 1) = $1)
    AND ($2::text IS NULL OR $2 = CASE WHEN x.resolution = 'discard' OR q.state = 'discarded' THEN 'discarded'
        WHEN x.resolution = 'redrive' OR q.state = 'redriven' THEN 'redriven' ELSE 'open' END)
    AND ($3::text IS NULL OR strpos(lower(d.reason), lower($3)) > 0)
    AND ($4::uuid IS NULL OR d.job_id = $4)
    AND ($5::text IS NULL OR d.site = $5)
    AND ($6::text IS NULL OR d.at >= $6::timestamptz)
    AND ($7::text IS NULL OR d.at < $7::timestamptz)
    AND ($8::bigint IS NULL OR d.seq < $8)";

impl Queries {
    /// Dead letters, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn dead_letters(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, sqlx::Error> {
        let sql = format!("{SELECT} {WHERE} ORDER BY d.seq DESC LIMIT $9");
        let rows = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(filter.service.as_deref())
            .bind(filter.state.map(LetterState::as_str))
            .bind(filter.reason.as_deref())
            .bind(filter.job.map(JobId::as_uuid))
            .bind(filter.site.as_ref().map(Site::as_str))
            .bind(filter.since.map(|at| at.to_string()))
            .bind(filter.until.map(|at| at.to_string()))
            .bind(filter.after.map(position))
            .bind(i64::from(filter.limit))
            .fetch_all(&self.pool)
            .await?;
        Ok(unwrapped(rows))
    }

    /// The dead letter with this id.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn dead_letter(&self, id: u64) -> Result<Option<DeadLetter>, sqlx::Error> {
        let sql = format!("{SELECT} WHERE d.seq = $1");
        let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(position(id));
        let found: Option<Json<DeadLetter>> = query.fetch_optional(&self.pool).await?;
        Ok(found.map(|letter| letter.0))
    }

    /// Ids of the dead letters of the same job or delivery before this one, oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn earlier_dead_letters(&self, letter: &DeadLetter) -> Result<Vec<u64>, sqlx::Error> {
        let sql = "SELECT coalesce(jsonb_agg(seq ORDER BY seq), '[]') FROM dead_letters
            WHERE seq < $2 AND (job_id = $1 OR (study_id = $3 AND matter = $4 AND target = $5))";
        let found: Json<Vec<u64>> = sqlx::query_scalar(sql)
            .bind(letter.job_id.map(JobId::as_uuid))
            .bind(position(letter.id))
            .bind(letter.study_id.map(StudyId::as_uuid))
            .bind(letter.matter.as_deref())
            .bind(letter.target.as_ref().map(DeliveryTarget::as_str))
            .fetch_one(&self.pool)
            .await?;
        Ok(found.0)
    }

    /// How many messages of the log this release could not fold.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn unreadable(&self) -> Result<u64, sqlx::Error> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM unreadable").fetch_one(&self.pool).await?;
        Ok(count.unsigned_abs())
    }
}

/// As Postgres counts; no log is longer.
fn position(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
