//! Rows into tables, by the merge rules of [`Rows`]: what is there already is replaced only by what outweighs
//! it, so that writing the same rows again changes nothing. Knows nothing of positions.

use serde::Serialize;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Postgres, Transaction};

use crate::domain::Rows;

const FIRST_STANDS: &str = "ON CONFLICT DO NOTHING";

/// One statement per table.
///
/// # Errors
/// When the database is away or refuses a value.
pub(crate) async fn insert_all(
    transaction: &mut Transaction<'_, Postgres>,
    rows: &Rows,
) -> Result<(), sqlx::Error> {
    let to = transaction;
    let rule = "ON CONFLICT (study_id) DO UPDATE SET
            study_ref = coalesce(studies.study_ref, EXCLUDED.study_ref),
            created_at = least(studies.created_at, EXCLUDED.created_at),
            last_image_at = greatest(studies.last_image_at, EXCLUDED.last_image_at)";
    insert(to, "studies", rule, rows.studies.values()).await?;
    insert(to, "jobs", FIRST_STANDS, rows.jobs.values()).await?;
    let rule = "ON CONFLICT (job_id) DO UPDATE SET (seq, reading_id, duplicate_of, linked_at)
            = (EXCLUDED.seq, EXCLUDED.reading_id, EXCLUDED.duplicate_of, EXCLUDED.linked_at)
        WHERE EXCLUDED.seq > links.seq";
    insert(to, "links", rule, rows.links.values()).await?;
    let rule = "ON CONFLICT (job_id) DO UPDATE SET (seq, reason, dead_at)
            = (EXCLUDED.seq, EXCLUDED.reason, EXCLUDED.dead_at)
        WHERE EXCLUDED.seq > job_failures.seq";
    insert(to, "job_failures", rule, rows.job_failures.values()).await?;
    let rule = "ON CONFLICT (reading_id) DO UPDATE SET (seq, site, primary_job_id, requested_at)
            = (EXCLUDED.seq, EXCLUDED.site, EXCLUDED.primary_job_id, EXCLUDED.requested_at)
        WHERE EXCLUDED.seq > readings.seq";
    insert(to, "readings", rule, rows.readings.values()).await?;
    let rule = "ON CONFLICT (reading_id) DO UPDATE SET (seq, state, ended_at, code, reason, completed, failed_by)
            = (EXCLUDED.seq, EXCLUDED.state, EXCLUDED.ended_at, EXCLUDED.code, EXCLUDED.reason,
               EXCLUDED.completed, EXCLUDED.failed_by)
        WHERE CASE WHEN outcomes.state = 'completed' THEN EXCLUDED.state = 'completed' AND EXCLUDED.seq < outcomes.seq
            ELSE EXCLUDED.state = 'completed' OR EXCLUDED.seq > outcomes.seq END";
    insert(to, "outcomes", rule, rows.outcomes.values()).await?;
    insert(to, "reports", FIRST_STANDS, rows.reports.values()).await?;
    insert(to, "dead_letters", FIRST_STANDS, rows.dead_letters.values()).await?;
    let rule = "ON CONFLICT (job_id, stream_seq) DO UPDATE SET (seq, resolution, resolved_by, resolved_why, resolved_at)
            = (EXCLUDED.seq, EXCLUDED.resolution, EXCLUDED.resolved_by, EXCLUDED.resolved_why,
               EXCLUDED.resolved_at)
        WHERE EXCLUDED.seq < resolutions.seq";
    insert(to, "resolutions", rule, rows.resolutions.values()).await?;
    insert(to, "flags", FIRST_STANDS, rows.flags.values()).await?;
    insert(to, "deliveries", FIRST_STANDS, rows.deliveries.values()).await?;
    insert(to, "losses", FIRST_STANDS, rows.losses.values()).await?;
    insert(to, "taken_out", FIRST_STANDS, rows.taken_out.values()).await?;
    insert(to, "instances", FIRST_STANDS, rows.instances.values()).await?;
    insert(to, "history", FIRST_STANDS, rows.history.values()).await?;
    insert(to, "unreadable", FIRST_STANDS, rows.unreadable.values()).await
}

/// Names the columns that this release knows: those that a newer one has added take their defaults.
async fn insert<'r, R: Serialize + Sync + 'r>(
    transaction: &mut Transaction<'_, Postgres>,
    table: &str,
    rule: &str,
    rows: impl Iterator<Item = &'r R> + Send,
) -> Result<(), sqlx::Error> {
    let rows: Vec<&R> = rows.collect();
    let Some(first) = rows.first() else { return Ok(()) };
    let first = serde_json::to_value(first).map_err(|source| sqlx::Error::Encode(source.into()))?;
    let columns: Vec<&str> = first.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let columns = columns.join(", ");
    let sql = format!(
        "INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, $1) {rule}"
    );
    sqlx::query(AssertSqlSafe(sql)).bind(Json(rows)).execute(&mut **transaction).await?;
    Ok(())
}
