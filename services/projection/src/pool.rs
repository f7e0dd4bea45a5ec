//! The only place where connections to Postgres are made.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Error, Executor as _};

/// How long a caller waits for a connection before it is answered that the database is away.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(2);

/// Settings of every session. A statement that takes longer is wrong, and a transaction that nobody goes on
/// with must not hold locks. The rollback of `open` warns each time; it need not be sent to us.
const SESSION: [(&str, &str); 3] = [
    ("statement_timeout", "15s"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("client_min_messages", "error"),
];

/// A pool for what writes to the database at `url`; connects when it is first used.
///
/// sqlx 0.9.0 forgets a transaction whose `begin()` was cancelled (issue 4385): the connection goes back open in
/// a transaction, and what the next user writes is lost without an error. The rollback at every return costs
/// one round trip and ends such a transaction; without one it does nothing.
///
/// # Errors
/// When the address can't be used.
pub fn open(url: &str, max_connections: u32) -> Result<PgPool, Error> {
    let pool = options(max_connections)
        .after_release(|connection, _| {
            Box::pin(async move {
                connection.execute("ROLLBACK").await?;
                Ok(true)
            })
        })
        .connect_lazy_with(session(url)?);
    Ok(pool)
}

/// A pool for what only reads. Nothing can be written through it, so nothing can be lost in a forgotten transaction,
/// and it needs no rollback at every return.
///
/// # Errors
/// When the address can't be used.
pub fn open_for_reading(url: &str, max_connections: u32) -> Result<PgPool, Error> {
    let session = session(url)?.options([("default_transaction_read_only", "on")]);
    Ok(options(max_connections).connect_lazy_with(session))
}

fn session(url: &str) -> Result<PgConnectOptions, Error> {
    Ok(PgConnectOptions::from_str(url)?.application_name("hilum-projection").options(SESSION))
}

fn options(max_connections: u32) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(max_connections).acquire_timeout(ACQUIRE_LIMIT)
}
