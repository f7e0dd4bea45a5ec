//! Rows into tables, by the merge rules of [`Rows`]: what is there already is replaced only by what outweighs
//! it, so that writing the same rows again changes nothing. Knows nothing of positions.

use serde::Serialize;
use sqlx::types::Json;
use sqlx::{Postgres, Transaction};

use crate::domain::Rows;

/// One statement per table.
///
/// # Errors
/// When the database is away or refuses a value.
pub(crate) async fn insert_all(
    transaction: &mut Transaction<'_, Postgres>,
    rows: &Rows,
) -> Result<(), sqlx::Error> {
    let to = transaction;
    let sql = "INSERT INTO studies SELECT * FROM jsonb_populate_recordset(NULL::studies, $1)
        ON CONFLICT (study_id) DO UPDATE SET
            study_ref = coalesce(studies.study_ref, EXCLUDED.study_ref),
            created_at = least(studies.created_at, EXCLUDED.created_at),
            last_image_at = greatest(studies.last_image_at, EXCLUDED.last_image_at)";
    insert(to, sql, rows.studies.values()).await?;
    let sql =
        "INSERT INTO jobs SELECT * FROM jsonb_populate_recordset(NULL::jobs, $1) ON CONFLICT DO NOTHING";
    insert(to, sql, rows.jobs.values()).await?;
    let sql = "INSERT INTO links SELECT * FROM jsonb_populate_recordset(NULL::links, $1)
        ON CONFLICT (job_id) DO UPDATE SET (seq, reading_id, duplicate_of, linked_at)
            = (EXCLUDED.seq, EXCLUDED.reading_id, EXCLUDED.duplicate_of, EXCLUDED.linked_at)
        WHERE EXCLUDED.seq > links.seq";
    insert(to, sql, rows.links.values()).await?;
    let sql = "INSERT INTO job_failures SELECT * FROM jsonb_populate_recordset(NULL::job_failures, $1)
        ON CONFLICT (job_id) DO UPDATE SET (seq, reason, dead_at)
            = (EXCLUDED.seq, EXCLUDED.reason, EXCLUDED.dead_at)
        WHERE EXCLUDED.seq > job_failures.seq";
    insert(to, sql, rows.job_failures.values()).await?;
    let sql = "INSERT INTO readings SELECT * FROM jsonb_populate_recordset(NULL::readings, $1)
        ON CONFLICT (reading_id) DO UPDATE SET (seq, site, primary_job_id, requested_at)
            = (EXCLUDED.seq, EXCLUDED.site, EXCLUDED.primary_job_id, EXCLUDED.requested_at)
        WHERE EXCLUDED.seq > readings.seq";
    insert(to, sql, rows.readings.values()).await?;
    let sql = "INSERT INTO outcomes SELECT * FROM jsonb_populate_recordset(NULL::outcomes, $1)
        ON CONFLICT (reading_id) DO UPDATE SET (seq, state, ended_at, code, reason, completed)
            = (EXCLUDED.seq, EXCLUDED.state, EXCLUDED.ended_at, EXCLUDED.code, EXCLUDED.reason,
               EXCLUDED.completed)
        WHERE (EXCLUDED.state = 'completed', EXCLUDED.seq) > (outcomes.state = 'completed', outcomes.seq)";
    insert(to, sql, rows.outcomes.values()).await?;
    let sql = "INSERT INTO reports SELECT * FROM jsonb_populate_recordset(NULL::reports, $1) ON CONFLICT DO NOTHING";
    insert(to, sql, rows.reports.values()).await?;
    let sql = "INSERT INTO dead_letters SELECT * FROM jsonb_populate_recordset(NULL::dead_letters, $1)
        ON CONFLICT DO NOTHING";
    insert(to, sql, rows.dead_letters.values()).await?;
    let sql = "INSERT INTO resolutions SELECT * FROM jsonb_populate_recordset(NULL::resolutions, $1)
        ON CONFLICT (job_id, stream_seq) DO UPDATE SET (seq, resolution, resolved_by, resolved_why, resolved_at)
            = (EXCLUDED.seq, EXCLUDED.resolution, EXCLUDED.resolved_by, EXCLUDED.resolved_why,
               EXCLUDED.resolved_at)
        WHERE EXCLUDED.seq < resolutions.seq";
    insert(to, sql, rows.resolutions.values()).await?;
    let sql =
        "INSERT INTO flags SELECT * FROM jsonb_populate_recordset(NULL::flags, $1) ON CONFLICT DO NOTHING";
    insert(to, sql, rows.flags.values()).await?;
    let sql = "INSERT INTO deliveries SELECT * FROM jsonb_populate_recordset(NULL::deliveries, $1)
        ON CONFLICT DO NOTHING";
    insert(to, sql, rows.deliveries.values()).await?;
    let sql = "INSERT INTO history SELECT * FROM jsonb_populate_recordset(NULL::history, $1) ON CONFLICT DO NOTHING";
    insert(to, sql, rows.history.values()).await?;
    let sql = "INSERT INTO unreadable SELECT * FROM jsonb_populate_recordset(NULL::unreadable, $1)
        ON CONFLICT DO NOTHING";
    insert(to, sql, rows.unreadable.values()).await
}

async fn insert<'r, R: Serialize + Sync + 'r>(
    transaction: &mut Transaction<'_, Postgres>,
    sql: &'static str,
    rows: impl Iterator<Item = &'r R> + Send,
) -> Result<(), sqlx::Error> {
    let rows: Vec<&R> = rows.collect();
    if !rows.is_empty() {
        sqlx::query(sql).bind(Json(rows)).execute(&mut **transaction).await?;
    }
    Ok(())
}
