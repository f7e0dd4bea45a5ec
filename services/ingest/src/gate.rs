//! Whether the door is open: only to a log that is known to be the right one, and only while not too much waits.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use hilum_log::Log;
use tokio_util::sync::CancellationToken;

use crate::refusal::Refusal;

const LOOK_EVERY: Duration = Duration::from_secs(1);

// 0, the default: the log is not checked yet.
const OPEN: u8 = 1;
const FULL: u8 = 2;

/// Shared by all uploads. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate {
    state: Arc<AtomicU8>,
    /// Whether the last upload was refused because something is away.
    away: Arc<AtomicBool>,
}

impl Gate {
    /// Whether an upload may begin.
    pub(crate) fn pass(&self) -> Result<(), Refusal> {
        match self.state.load(Ordering::Relaxed) {
            OPEN => Ok(()),
            FULL => Err(Refusal::Full),
            _ => {
                let source = "it was not yet compared with its seal".into();
                Err(Refusal::Unavailable("the event log is being checked", source))
            }
        }
    }

    /// Says that uploads are refused because something is away, and that they are taken again: once each, for a
    /// line for every upload would drown the log.
    pub(crate) fn note<T>(&self, outcome: &Result<T, Refusal>) {
        match outcome {
            Err(Refusal::Unavailable(what, source)) => {
                if !self.away.swap(true, Ordering::Relaxed) {
                    tracing::warn!(error = &**source as &dyn Error, what, "refusing uploads");
                }
            }
            Ok(_) => {
                if self.away.swap(false, Ordering::Relaxed) {
                    tracing::info!("taking uploads again");
                }
            }
            Err(_) => {}
        }
    }

    /// Opens to the log, which the caller has checked, and looks each second how many images wait; until
    /// `shutdown`.
    pub(crate) async fn watch(&self, log: &Log, max_waiting: u64, shutdown: &CancellationToken) {
        self.state.store(OPEN, Ordering::Relaxed);
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = looks.tick() => {}
            }
            // When the log does not answer, uploads are refused for that.
            let Ok(depths) = log.queue_depths().await else { continue };
            let waiting: u64 = depths.iter().map(|depth| depth.waiting + depth.in_hand).sum();
            metrics::gauge!("hilum_images_waiting").set(waiting as f64);
            let state = if waiting > max_waiting { FULL } else { OPEN };
            if self.state.swap(state, Ordering::Relaxed) != state {
                match state {
                    FULL => tracing::warn!(waiting, max_waiting, "too many images wait; refusing uploads"),
                    _ => tracing::info!(waiting, "taking uploads again"),
                }
            }
        }
    }
}
