//! Writing the tables: rows and position in one transaction, fenced by the position. Knows no log.

use hilum_faults::reach;
use sqlx::migrate::{MigrateDatabase as _, MigrateError};
use sqlx::postgres::{PgPool, Postgres};
use sqlx::types::Json;
use sqlx::{Connection as _, PgConnection, Transaction};

use crate::domain::Rows;
use crate::insert::insert_all;
use crate::migrations::migrator;
use crate::position::Position;

/// Key of the position row.
const STREAM: &str = "EVENTS";
/// What must be there when the migrations have run.
const TABLES: [&str; 18] = [
    "stream_position",
    "studies",
    "jobs",
    "links",
    "job_failures",
    "readings",
    "outcomes",
    "reports",
    "dead_letters",
    "resolutions",
    "flags",
    "deliveries",
    "losses",
    "taken_out",
    "instances",
    "history",
    "unreadable",
    "job_states",
];
const RESET: &str = "DROP VIEW IF EXISTS job_states;
    DROP TABLE IF EXISTS stream_position, studies, jobs, links, job_failures, readings, outcomes, reports,
        dead_letters, resolutions, flags, deliveries, losses, taken_out, instances, history, unreadable, _sqlx_migrations CASCADE";
/// Any number that nobody else uses as an advisory lock.
const RESET_LOCK: i64 = 0x48_494c_554d;

/// SQLSTATE of a database that is not there, of one that somebody else just made, and of a missing table.
const NO_DATABASE: &str = "3D000";
const DATABASE_EXISTS: &str = "42P04";

/// The tables of the projection.
#[derive(Clone)]
pub struct Store {
    pool: PgPool,
    url: String,
}

/// The tables can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away or refuses.
    #[error("cannot {operation}")]
    Database {
        /// What was tried.
        operation: &'static str,
        /// Why not.
        source: sqlx::Error,
    },
    /// The tables can't be made.
    #[error("cannot make the tables")]
    Migrate(#[source] MigrateError),
    /// Somebody removed tables or the position.
    #[error("the tables are gone; making them anew from the event log")]
    Gone,
}

impl StoreError {
    /// Whether Postgres refuses what was to be written, so that writing it again won't help: a value out of
    /// range, text that it can't hold, a broken constraint, too much at once.
    pub fn is_bad_data(&self) -> bool {
        let Self::Database { source, .. } = self else { return false };
        let sqlx::Error::Encode(_) = source else {
            return code(source)
                .is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)));
        };
        true
    }
}

fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| StoreError::Database { operation, source }
}

impl Store {
    /// The tables behind `pool`. `url` is used to make the database when it is missing.
    pub fn new(pool: PgPool, url: &str) -> Self {
        Self { pool, url: url.to_owned() }
    }

    /// Makes what is missing: the database, the tables. What is there in part is made anew as a whole.
    ///
    /// # Errors
    /// When the database is away or refuses.
    pub async fn prepare(&self) -> Result<(), StoreError> {
        match self.migrate().await {
            Err(error) if migrate_code(&error).as_deref() == Some(NO_DATABASE) => {
                tracing::warn!("the database is not there; making it");
                self.create_database().await?;
                self.migrate().await.map_err(StoreError::Migrate)?;
            }
            outcome => outcome.map_err(StoreError::Migrate)?,
        }
        if self.missing_tables().await? > 0 {
            tracing::warn!("tables are missing; making all of them anew from the event log");
            self.reset().await.map_err(failed("remove what is left of the tables"))?;
            self.migrate().await.map_err(StoreError::Migrate)?;
        }
        Ok(())
    }

    /// How far the log at `epoch` was folded; begins at 0 when nothing was.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn position(&self, epoch: &str) -> Result<Position, StoreError> {
        // A position of 0 holds nothing of any log, so it may move to this one.
        let begin = "INSERT INTO stream_position (stream, epoch, last_seq) VALUES ($1, $2, 0)
            ON CONFLICT (stream) DO UPDATE SET epoch = EXCLUDED.epoch WHERE stream_position.last_seq = 0";
        let begun = sqlx::query(begin).bind(STREAM).bind(epoch).execute(&self.pool).await;
        begun.map_err(failed("begin the position"))?;
        self.peek().await
    }

    /// How far the log was folded, by whomever.
    ///
    /// # Errors
    /// [`StoreError::Gone`] when tables or position are missing; otherwise when the database is away.
    pub async fn peek(&self) -> Result<Position, StoreError> {
        let sql = "SELECT to_json(p), (SELECT count(*) FROM unnest($2) name WHERE to_regclass(name) IS NULL)
            FROM stream_position p WHERE stream = $1";
        let found: Option<(Json<Position>, i64)> = sqlx::query_as(sql)
            .bind(STREAM)
            .bind(&TABLES[..])
            .fetch_optional(&self.pool)
            .await
            .map_err(failed("read the position"))?;
        match found {
            Some((position, 0)) => Ok(position.0),
            _ => Err(StoreError::Gone),
        }
    }

    /// Writes rows and the new position, if the position still stands at `from`; `false` if another
    /// projection was faster, and then nothing is written.
    ///
    /// # Errors
    /// When the database is away or refuses; then nothing is written, or all of it.
    pub async fn write(&self, from: &Position, to: &Position, rows: &Rows) -> Result<bool, StoreError> {
        let mut transaction = self.pool.begin().await.map_err(failed("begin a transaction"))?;
        let moved = advance(&mut transaction, from, to).await.map_err(failed("move the position"))?;
        if !moved {
            transaction.rollback().await.map_err(failed("roll back"))?;
            return Ok(false);
        }
        insert_all(&mut transaction, rows).await.map_err(failed("write rows"))?;
        reach("projection.before-commit");
        transaction.commit().await.map_err(failed("commit"))?;
        reach("projection.after-commit");
        Ok(true)
    }

    /// The positions of messages that could not be folded, by whichever release.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn unreadable(&self) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT to_json(seq) FROM unreadable ORDER BY seq";
        let found: Vec<Json<u64>> = sqlx::query_scalar(sql)
            .fetch_all(&self.pool)
            .await
            .map_err(failed("look for what could not be folded"))?;
        Ok(found.into_iter().map(|seq| seq.0).collect())
    }

    /// Writes the rows of the message at `seq`, which could not be folded before. The position stays where it is: rows
    /// outweigh one another by their own positions.
    ///
    /// # Errors
    /// When the database is away or refuses; then nothing is written, or all of it.
    pub async fn write_late(&self, seq: u64, rows: &Rows) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await.map_err(failed("begin a transaction"))?;
        insert_all(&mut transaction, rows).await.map_err(failed("write rows"))?;
        let sql = "DELETE FROM unreadable WHERE seq = $1::text::bigint";
        let deleted = sqlx::query(sql).bind(seq.to_string()).execute(&mut *transaction).await;
        deleted.map_err(failed("note what was folded"))?;
        transaction.commit().await.map_err(failed("commit"))
    }

    /// The positions of jobs behind `from` whose DICOM object has no row, `limit` at most.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn jobs_without_instance(&self, from: u64, limit: usize) -> Result<Vec<u64>, StoreError> {
        let sql = "SELECT to_json(stored_seq) FROM jobs j
            WHERE media_type = 'application/dicom' AND stored_seq > $1::text::bigint
                AND NOT EXISTS (SELECT FROM instances i WHERE i.job_id = j.job_id)
            ORDER BY stored_seq LIMIT $2";
        let found: Vec<Json<u64>> = sqlx::query_scalar(sql)
            .bind(from.to_string())
            .bind(limit as i64)
            .fetch_all(&self.pool)
            .await
            .map_err(failed("look for jobs without a row of their object"))?;
        Ok(found.into_iter().map(|seq| seq.0).collect())
    }

    /// Writes rows of DICOM objects. The position stays where it is.
    ///
    /// # Errors
    /// When the database is away or refuses; then nothing is written, or all of it.
    pub async fn write_instances(&self, rows: &Rows) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await.map_err(failed("begin a transaction"))?;
        insert_all(&mut transaction, rows).await.map_err(failed("write rows"))?;
        transaction.commit().await.map_err(failed("commit"))
    }

    /// On a connection of its own: a migration that is cut off must not leave its lock in the pool.
    async fn migrate(&self) -> Result<(), MigrateError> {
        let mut connection = PgConnection::connect_with(&self.pool.connect_options()).await?;
        migrator().run(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }

    async fn create_database(&self) -> Result<(), StoreError> {
        match Postgres::create_database(&self.url).await {
            Err(error) if code(&error).as_deref() == Some(DATABASE_EXISTS) => Ok(()),
            outcome => outcome.map_err(failed("make the database")),
        }
    }

    async fn missing_tables(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar("SELECT count(*) FROM unnest($1) name WHERE to_regclass(name) IS NULL")
            .bind(&TABLES[..])
            .fetch_one(&self.pool)
            .await
            .map_err(failed("look for the tables"))
    }

    async fn reset(&self) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(RESET_LOCK).execute(&mut *transaction).await?;
        sqlx::raw_sql(RESET).execute(&mut *transaction).await?;
        transaction.commit().await
    }
}

async fn advance(
    transaction: &mut Transaction<'_, Postgres>,
    from: &Position,
    to: &Position,
) -> Result<bool, sqlx::Error> {
    let sql = "UPDATE stream_position SET last_seq = ($3->>'last_seq')::bigint,
            last_event_id = ($3->>'last_event_id')::uuid
        WHERE stream = $1 AND epoch = $2->>'epoch' AND last_seq = ($2->>'last_seq')::bigint";
    let moved =
        sqlx::query(sql).bind(STREAM).bind(Json(from)).bind(Json(to)).execute(&mut **transaction).await?;
    Ok(moved.rows_affected() == 1)
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(|code| code.into_owned())
}

fn migrate_code(error: &MigrateError) -> Option<String> {
    match error {
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => code(source),
        _ => None,
    }
}
