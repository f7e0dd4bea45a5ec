//! The definitions of the streams, applied once the log's server is there.

use std::error::Error;
use std::time::Duration;

use hilum_log::{Drift, Log, apply_definitions_knowing};
use hilum_runtime::with_causes;
use tokio::time::Instant;

use super::floors::floors_in;

/// After so long a log that has its event stream is used with the definitions it has.
const PATIENCE: Duration = Duration::from_secs(30);
const REST: Duration = Duration::from_millis(200);

/// Applies the definitions and returns what had drifted from them. A server that has just started may still be busy with
/// its files, so they are tried until they are taken. A log that exists must not stay shut because one of them never is:
/// that is said, and `hilum doctor` goes on saying it.
pub(super) async fn define_streams(nats_url: &str, store_url: &str) -> Vec<Drift> {
    let begun = Instant::now();
    let mut said = false;
    loop {
        let error = match Log::connect(nats_url, "hilum").await {
            Ok(log) => match apply_to(&log, store_url).await {
                Ok(drifted) => return drifted,
                Err(error) => {
                    let error = with_causes(&*error);
                    if begun.elapsed() > PATIENCE && log.position().await.is_ok() {
                        tracing::error!(error, "the log is used with the stream definitions that it has");
                        return Vec::new();
                    }
                    error
                }
            },
            Err(error) => with_causes(&error),
        };
        if !std::mem::replace(&mut said, true) {
            tracing::warn!(error, "waiting for the stream definitions to be taken");
        }
        tokio::time::sleep(REST).await;
    }
}

async fn apply_to(log: &Log, store_url: &str) -> Result<Vec<Drift>, Box<dyn Error + Send + Sync>> {
    // Where consumers stood: one that was lost is made anew there.
    let floors = floors_in(store_url).await?;
    Ok(apply_definitions_knowing(log, 1, Some(&floors)).await?)
}
