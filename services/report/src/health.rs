//! Whether what this service needs is there. It is asked regularly, so that `/readyz` shows it before a report is due.

use std::convert::Infallible;
use std::time::Duration;

use hilum_blobs::BlobStore;
use hilum_log::Log;
use hilum_runtime::{Health, with_causes};

/// All facts up to those that stood in the log at the start are known.
pub(crate) const CAUGHT_UP: &str = "caught up";
/// What is done until then.
pub(crate) const FOLDING: &str = "folding the event log";
/// Note on the studies whose report can't be issued.
pub(crate) const STUCK: &str = "stuck studies";
const EVENT_LOG: &str = "event log";
const OBJECT_STORAGE: &str = "object storage";
const INTERVAL: Duration = Duration::from_secs(2);

/// Asks for ever.
pub(crate) async fn watch(log: &Log, blobs: &BlobStore, health: &Health) -> Infallible {
    health.wait_for(EVENT_LOG, "not asked yet");
    health.wait_for(OBJECT_STORAGE, "not asked yet");
    loop {
        let (log, probe) = tokio::join!(log.probe(), blobs.probe());
        match log {
            Ok(()) => health.holds(EVENT_LOG),
            Err(reason) => health.wait_for(EVENT_LOG, reason),
        }
        match probe {
            Ok(()) => health.holds(OBJECT_STORAGE),
            Err(error) => health.wait_for(OBJECT_STORAGE, with_causes(&error)),
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
