//! Reading the tables. Rows come as JSON, so that ids, hashes and times are checked types from here on.

use hilum_api::{Job, JobStatus, JobWithHistory, ReportRevision, StudySummary};
use hilum_events::{
    BlobRef, InferenceCompleted, JobId, ReadingId, Site, StudyId, job_image_filter, like_pattern,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgPool;
use sqlx::types::Json;

mod dead_letters;
mod deliveries;
mod flags;
mod instances;
mod losses;
mod taken_out;

pub use dead_letters::DeadLetterFilter;
pub use flags::{FlaggedFilter, FlaggedRow};
pub use instances::Found;

/// The most jobs that a study is returned with, where no other number is asked for.
pub const STUDY_JOBS_MAX: u32 = 1000;

/// Reads the tables. Cheap to clone.
#[derive(Clone)]
pub struct Queries {
    pool: PgPool,
}

/// A job, or how far the tables go without it; both of one moment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Sighting {
    /// The job.
    pub story: Option<JobWithHistory>,
    /// Position in the log up to which events were folded; `None` before the first fold.
    pub folded_seq: Option<u64>,
}

/// A revision of a report, and where its bytes are.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StoredReport {
    /// What the API answers of it.
    #[serde(flatten)]
    pub revision: ReportRevision,
    /// The document.
    pub json: BlobRef,
    /// The page for people, as reports of the first version kept it.
    pub html: Option<BlobRef>,
}

/// Which jobs are listed.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Of this site.
    pub site: Option<Site>,
    /// In this state.
    pub status: Option<JobStatus>,
    /// With this code of a reason, or with these words in the reason, in capitals or not.
    pub reason: Option<String>,
    /// With an image that a release earlier than this one failed: numbers with dots between them. Jobs that were given up are
    /// left out.
    pub failed_before_release: Option<String>,
    /// Older than this one.
    pub after: Option<JobId>,
    /// That many at most.
    pub limit: u32,
}

/// Whether `failed_by` names a release before `$6`, or none, as the first releases did.
const FAILED_BEFORE: &str = "($6::text IS NULL OR status = 'FAILED' AND reason_code <> 'dead-lettered' AND
    CASE WHEN split_part(failed_by->>'release', '-', 1) ~ '^[0-9]{1,9}([.][0-9]{1,9})*$'
        THEN string_to_array(split_part(failed_by->>'release', '-', 1), '.')::bigint[] ELSE '{}' END
    < string_to_array($6, '.')::bigint[])";

/// What ended since a moment.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Ended {
    /// Jobs with a reading.
    pub completed: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// From taking the image in to its end, milliseconds: median, 95th and 99th percentile; `None` when
    /// nothing ended.
    pub latency_ms: Option<[f64; 3]>,
    /// Messages set aside since the log began.
    pub unreadable: u64,
}

impl Queries {
    /// Reads through `pool`.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// A job and its history. Of the events of its reading those count that came after the job's own image.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn story(&self, job_id: JobId) -> Result<Sighting, sqlx::Error> {
        let sql = "SELECT json_build_object(
            'folded_seq', (SELECT max(last_seq) FROM stream_position),
            'story', (
                SELECT to_jsonb(j) || jsonb_build_object('history', (
                    SELECT coalesce(jsonb_agg(jsonb_build_object('seq', h.seq, 'event', h.event,
                        'at', h.occurred_at, 'resolution', x.resolution) ORDER BY h.seq), '[]')
                    FROM history h LEFT JOIN resolutions x ON x.seq = h.seq
                    WHERE h.job_id = j.job_id OR (h.reading_id = j.reading_id AND h.seq > j.stored_seq AND h.event
                        IN ('inference-requested', 'inference-completed', 'inference-failed',
                            'job-dead-lettered', 'dead-letter-resolved'))
                ), 'losses', (
                    SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY x.lost_seq), '[]') FROM losses x
                    WHERE x.job_id = j.job_id OR x.reading_id = j.reading_id
                ))
                FROM job_states j WHERE j.job_id = $1
            ))";
        let found: Json<Sighting> =
            sqlx::query_scalar(sql).bind(job_id.as_uuid()).fetch_one(&self.pool).await?;
        Ok(found.0)
    }

    /// Whether the job's first event was set aside because this release could not fold it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn is_set_aside(&self, job_id: JobId) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM unreadable WHERE subject LIKE $1)")
            .bind(like_pattern(&job_image_filter(job_id)))
            .fetch_one(&self.pool)
            .await
    }

    /// Jobs, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, sqlx::Error> {
        let candidates = filter.status.map_or("true", candidates);
        let sql = format!(
            "SELECT to_json(j) FROM job_states j
            WHERE {candidates} AND ($1::text IS NULL OR site = $1) AND ($2::text IS NULL OR status = $2)
            AND ($3::uuid IS NULL OR stored_seq < (SELECT stored_seq FROM jobs WHERE job_id = $3))
            AND ($5::text IS NULL OR reason_code = $5 OR strpos(lower(reason), lower($5)) > 0) AND {FAILED_BEFORE}
            ORDER BY stored_seq DESC LIMIT $4"
        );
        let rows = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(filter.site.as_ref().map(Site::as_str))
            .bind(filter.status.map(JobStatus::as_str))
            .bind(filter.after.map(JobId::as_uuid))
            .bind(i64::from(filter.limit))
            .bind(filter.reason.as_deref())
            .bind(filter.failed_before_release.as_deref())
            .fetch_all(&self.pool)
            .await?;
        Ok(unwrapped(rows))
    }

    /// The reading, if it was made.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn reading(&self, reading_id: ReadingId) -> Result<Option<InferenceCompleted>, sqlx::Error> {
        let sql = "SELECT completed FROM outcomes WHERE reading_id = $1 AND state = 'completed'";
        let found: Option<Json<InferenceCompleted>> =
            sqlx::query_scalar(sql).bind(reading_id.as_uuid()).fetch_optional(&self.pool).await?;
        Ok(found.map(|reading| reading.0))
    }

    /// The studies with one of these ids or with the name `study_ref`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn studies(
        &self,
        ids: &[StudyId],
        study_ref: Option<&str>,
    ) -> Result<Vec<StudySummary>, sqlx::Error> {
        let sql = "SELECT to_jsonb(s) || jsonb_build_object(
                'job_count', (SELECT count(*) FROM jobs j WHERE j.study_id = s.study_id),
                'closed_at', (SELECT max(occurred_at) FROM history h
                    WHERE h.study_id = s.study_id AND h.event = 'study-close-requested'))
            FROM studies s WHERE s.study_id = ANY($1) OR s.study_ref = $2
            ORDER BY s.study_id = ANY($1) DESC, s.site LIMIT 100";
        let rows = sqlx::query_scalar(sql)
            .bind(ids.iter().map(|id| id.as_uuid()).collect::<Vec<_>>())
            .bind(study_ref)
            .fetch_all(&self.pool)
            .await?;
        Ok(unwrapped(rows))
    }

    /// The jobs of a study in the order their images came, `limit` at most, behind the job `after` if one is given. That one
    /// must be of the study, or nothing is behind it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn study_jobs(
        &self,
        study_id: StudyId,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<Job>, sqlx::Error> {
        let sql =
            "SELECT to_json(j) FROM job_states j WHERE study_id = $1 AND ($2::uuid IS NULL OR stored_seq >
                (SELECT stored_seq FROM jobs WHERE job_id = $2 AND study_id = $1))
            ORDER BY stored_seq LIMIT $3";
        let rows = sqlx::query_scalar(sql)
            .bind(study_id.as_uuid())
            .bind(after.map(JobId::as_uuid))
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        Ok(unwrapped(rows))
    }

    /// The reports of a study, oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn reports(&self, study_id: StudyId) -> Result<Vec<StoredReport>, sqlx::Error> {
        let sql = "SELECT to_json(r) FROM reports r WHERE study_id = $1 ORDER BY revision";
        let rows = sqlx::query_scalar(sql).bind(study_id.as_uuid()).fetch_all(&self.pool).await?;
        Ok(unwrapped(rows))
    }

    /// What ended since `since`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn ended_since(&self, since: Timestamp) -> Result<Ended, sqlx::Error> {
        let sql = "WITH touched AS (
                SELECT l.job_id FROM outcomes o JOIN links l USING (reading_id) WHERE o.ended_at > $1::text::timestamptz
                UNION SELECT job_id FROM links WHERE linked_at > $1::text::timestamptz
                UNION SELECT job_id FROM job_failures WHERE dead_at > $1::text::timestamptz
            ), ended AS (
                SELECT status, greatest(extract(epoch FROM ended_at - created_at) * 1000, 0)::float8 AS latency_ms
                FROM touched JOIN job_states USING (job_id) WHERE ended_at > $1::text::timestamptz
            )
            SELECT json_build_object(
                'completed', count(*) FILTER (WHERE status = 'COMPLETED'),
                'failed', count(*) FILTER (WHERE status = 'FAILED'),
                'latency_ms', percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY latency_ms),
                'unreadable', (SELECT count(*) FROM unreadable)
            ) FROM ended";
        // As text: sqlx knows no type for a jiff timestamp.
        let found: Json<Ended> =
            sqlx::query_scalar(sql).bind(since.to_string()).fetch_one(&self.pool).await?;
        Ok(found.0)
    }
}

/// A condition on which jobs may be in a state that indexes alone answer: walking all jobs until enough of a rare state are
/// found takes minutes in a year's worth of them. The view has the last word.
fn candidates(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Queued => "NOT EXISTS (SELECT FROM links c WHERE c.job_id = j.job_id)",
        JobStatus::InProgress => {
            "job_id IN (SELECT c.job_id FROM links c WHERE NOT EXISTS
                (SELECT FROM outcomes o WHERE o.reading_id = c.reading_id AND o.state = 'completed'))"
        }
        JobStatus::Failed => {
            "job_id IN (SELECT c.job_id FROM links c JOIN outcomes o USING (reading_id) WHERE o.state <> 'completed'
                UNION SELECT job_id FROM job_failures)"
        }
        JobStatus::Completed => "true",
    }
}

fn unwrapped<T: DeserializeOwned>(rows: Vec<Json<T>>) -> Vec<T> {
    rows.into_iter().map(|row| row.0).collect()
}
