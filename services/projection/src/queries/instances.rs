//! Reading which DICOM objects are held. Of several with the same identifiers the newest that was not taken out counts.

use hilum_events::{BlobRef, JobId};
use sqlx::AssertSqlSafe;
use sqlx::types::Json;

use super::{Queries, unwrapped};
use crate::dicomweb::question::IdentifierFilter;
use crate::dicomweb::{Entity, Held, Level};

/// Whether the object `i` stands for its identifiers, among those of the site that is asked for.
const COUNTS: &str = "($1::text IS NULL OR i.site = $1)
    AND NOT EXISTS (SELECT FROM taken_out t WHERE t.job_id = i.job_id)
    AND NOT EXISTS (
        SELECT FROM instances n
        WHERE n.sop_instance_uid = i.sop_instance_uid AND n.stored_seq > i.stored_seq
            AND n.study_instance_uid = i.study_instance_uid AND ($1::text IS NULL OR n.site = $1)
            AND NOT EXISTS (SELECT FROM taken_out t WHERE t.job_id = n.job_id)
    )";
/// Whether the object `i` is of what is asked for.
const IS_WANTED: &str = "($2::text[] IS NULL OR i.study_instance_uid = ANY($2))
    AND ($3::text[] IS NULL OR i.series_instance_uid = ANY($3))
    AND ($4::text[] IS NULL OR i.sop_instance_uid = ANY($4))
    AND ($5::text[] IS NULL OR i.modality = ANY($5))
    AND ($6::text[] IS NULL OR EXISTS (
        SELECT FROM instances m WHERE m.study_instance_uid = i.study_instance_uid AND m.modality = ANY($6)
            AND ($1::text IS NULL OR m.site = $1)
            AND NOT EXISTS (SELECT FROM taken_out t WHERE t.job_id = m.job_id)
    ))";

/// What was found where identifiers were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// These count.
    Held(Vec<Held>),
    /// Some were held, and all of them were taken out.
    TakenOut,
    /// None was ever.
    Nothing,
}

impl Queries {
    /// Studies, series or instances, those first of which an object came last; `limit` at most, behind `offset` others.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn entities(
        &self,
        level: Level,
        filter: &IdentifierFilter,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<Entity>, sqlx::Error> {
        let key = match level {
            Level::Study => "i.study_instance_uid",
            Level::Series => "i.study_instance_uid, i.series_instance_uid",
            Level::Instance => "i.study_instance_uid, i.series_instance_uid, i.sop_instance_uid",
        };
        let same = match level {
            Level::Study => "true",
            Level::Series => "i.series_instance_uid = p.series_instance_uid",
            Level::Instance => "i.job_id = p.job_id",
        };
        let sql = format!(
            "WITH page AS (
                SELECT max(i.stored_seq) AS newest FROM instances i WHERE {COUNTS} AND {IS_WANTED}
                GROUP BY {key} ORDER BY newest DESC LIMIT $7 OFFSET $8
            )
            SELECT to_jsonb(e) || jsonb_build_object('newest', to_jsonb(p)) FROM page
            JOIN instances p ON p.stored_seq = page.newest
            CROSS JOIN LATERAL (
                SELECT count(DISTINCT i.series_instance_uid) AS series, count(*) AS instances,
                    coalesce(jsonb_agg(DISTINCT i.modality) FILTER (WHERE i.modality IS NOT NULL), '[]') AS modalities
                FROM instances i WHERE i.study_instance_uid = p.study_instance_uid AND {same} AND {COUNTS}
            ) e
            ORDER BY page.newest DESC"
        );
        let rows = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(filter.site.as_ref().map(|site| site.as_str()))
            .bind(&filter.studies)
            .bind(&filter.series)
            .bind(&filter.instances)
            .bind(&filter.modalities)
            .bind(&filter.modalities_in_study)
            .bind(i64::from(limit))
            .bind(i64::from(offset))
            .fetch_all(&self.pool)
            .await?;
        Ok(unwrapped(rows))
    }

    /// The objects that have these identifiers, in the order in which they came, `limit` at most.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn held(&self, filter: &IdentifierFilter, limit: u32) -> Result<Found, sqlx::Error> {
        let sql = format!(
            "SELECT to_json(i) FROM instances i WHERE {COUNTS} AND {IS_WANTED} ORDER BY i.stored_seq LIMIT $7"
        );
        let rows = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(filter.site.as_ref().map(|site| site.as_str()))
            .bind(&filter.studies)
            .bind(&filter.series)
            .bind(&filter.instances)
            .bind(&filter.modalities)
            .bind(&filter.modalities_in_study)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        let held: Vec<Held> = unwrapped(rows);
        if !held.is_empty() {
            return Ok(Found::Held(held));
        }
        let sql = "SELECT EXISTS (SELECT FROM instances i WHERE ($1::text IS NULL OR i.site = $1)
            AND ($2::text[] IS NULL OR i.study_instance_uid = ANY($2))
            AND ($3::text[] IS NULL OR i.series_instance_uid = ANY($3))
            AND ($4::text[] IS NULL OR i.sop_instance_uid = ANY($4)))";
        let was_held: bool = sqlx::query_scalar(sql)
            .bind(filter.site.as_ref().map(|site| site.as_str()))
            .bind(&filter.studies)
            .bind(&filter.series)
            .bind(&filter.instances)
            .fetch_one(&self.pool)
            .await?;
        Ok(if was_held { Found::TakenOut } else { Found::Nothing })
    }

    /// The small picture that stands beside the reading of a job, if there is one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn preview(&self, job_id: JobId) -> Result<Option<BlobRef>, sqlx::Error> {
        let sql = "SELECT o.completed->'preview' FROM links l JOIN outcomes o USING (reading_id)
            WHERE l.job_id = $1 AND o.state = 'completed'";
        let found: Option<Json<Option<BlobRef>>> =
            sqlx::query_scalar(sql).bind(job_id.as_uuid()).fetch_optional(&self.pool).await?;
        Ok(found.and_then(|preview| preview.0))
    }
}
