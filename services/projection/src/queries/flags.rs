//! Reading the flags of studies, and the worklist that they make.

use hilum_api::{Flag, FlaggedStudy};
use hilum_events::{RuleName, Site, StudyId, untrained};
use serde::Deserialize;

use super::{Queries, unwrapped};

/// A study of the worklist, and where it stands there.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FlaggedRow {
    /// What the API answers of it.
    #[serde(flatten)]
    pub study: FlaggedStudy,
    /// Position of the newest flag that put it here.
    pub flagged_seq: u64,
}

/// Which studies of the worklist are listed.
#[derive(Debug, Clone, Default)]
pub struct FlaggedFilter {
    /// Of this site.
    pub site: Option<Site>,
    /// Flagged by this rule.
    pub rule: Option<RuleName>,
    /// With a newest flag that is older than the one at this position.
    pub after: Option<u64>,
    /// That many at most.
    pub limit: u32,
}

/// A flag `f` as it is returned. Earlier releases flagged the readings of an untrained model without recording that it was
/// untrained, so the reading itself is asked.
fn flag_json() -> String {
    let notice = untrained::IN_ANSWERS;
    format!(
        "to_jsonb(f) || CASE WHEN EXISTS (SELECT FROM outcomes o WHERE o.reading_id = f.reading_id
            AND o.completed -> 'model' ->> 'trained' = 'false')
        THEN jsonb_build_object('notice', '{notice}') ELSE '{{}}' END"
    )
}

impl Queries {
    /// The flags of a study, oldest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn flags(&self, study_id: StudyId) -> Result<Vec<Flag>, sqlx::Error> {
        let sql = format!("SELECT {} FROM flags f WHERE study_id = $1 ORDER BY seq", flag_json());
        let rows = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(study_id.as_uuid());
        let rows = rows.fetch_all(&self.pool).await?;
        Ok(unwrapped(rows))
    }

    /// The studies that rules put into the worklist, the one flagged last first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn flagged(&self, filter: &FlaggedFilter) -> Result<Vec<FlaggedRow>, sqlx::Error> {
        let flag = flag_json();
        let sql = format!(
            "SELECT to_jsonb(s) || jsonb_build_object(
                'job_count', (SELECT count(*) FROM jobs j WHERE j.study_id = s.study_id),
                'closed_at', (SELECT max(occurred_at) FROM history h
                    WHERE h.study_id = s.study_id AND h.event = 'study-close-requested'),
                'flagged_seq', w.seq, 'flags',
                (SELECT coalesce(jsonb_agg({flag} ORDER BY f.seq), '[]') FROM flags f
                    WHERE f.study_id = s.study_id),
                'doubts', coalesce((SELECT r.doubts FROM reports r
                    WHERE r.study_id = s.study_id ORDER BY r.revision DESC LIMIT 1), '[]'))
            FROM (
                SELECT study_id, max(seq) AS seq FROM flags
                WHERE actions ? 'worklist' AND ($2::text IS NULL OR rule = $2) GROUP BY study_id
            ) w JOIN studies s USING (study_id)
            WHERE ($1::text IS NULL OR s.site = $1) AND ($3::bigint IS NULL OR w.seq < $3)
            ORDER BY w.seq DESC LIMIT $4"
        );
        let rows = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(filter.site.as_ref().map(Site::as_str))
            .bind(filter.rule.as_ref().map(RuleName::as_str))
            .bind(filter.after.map(|seq| i64::try_from(seq).unwrap_or(i64::MAX)))
            .bind(i64::from(filter.limit))
            .fetch_all(&self.pool)
            .await?;
        Ok(unwrapped(rows))
    }
}
