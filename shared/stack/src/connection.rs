//! Connections to the log of a stack that runs.

use std::time::Duration;

use futures::future::BoxFuture;
use hilum_log::Log;

use crate::error::Error;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Connects to the log at `url` and makes sure that there is somebody.
///
/// # Errors
/// When nobody answers.
pub fn connect(url: &str) -> BoxFuture<'_, Result<Log, Error>> {
    Box::pin(async move {
        let log = Log::connect(url, "hilum").await.map_err(|error| nats_error(url, Box::new(error)))?;
        let connected = hilum_servers::wait_until(CONNECT_LIMIT, || async { log.is_connected() }).await;
        if connected { Ok(log) } else { Err(nats_error(url, "it does not answer".into())) }
    })
}

/// For `map_err`: the log at `url` did not do what was asked.
pub fn nats_error(url: &str, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::Nats { url: url.to_owned(), source }
}
