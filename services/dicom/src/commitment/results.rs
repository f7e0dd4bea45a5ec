//! Results that are to be told on an association of their own: they wait in a stream, so that a sender that listens later, or a
//! door that starts again, loses none.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use hilum_log::{
    COMMITMENT_RESULTS, COMMITMENTS, Log, Queue, QueueConsumer, Queued, UnavailableError, WaitingResult,
    encoded,
};
use jiff::SignedDuration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::caller_back::tell;

/// Told at a time.
const AT_ONCE: usize = 4;
/// Those among them that wait for their next try.
const MAX_UNSETTLED: i64 = 1000;
/// How long one may take to be told.
const TELL_LIMIT: Duration = Duration::from_secs(30);
/// The first wait after a failure, and the longest; each is twice the one before.
const WAITS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(900));
/// A sender that was not told for so long has asked again or gives up.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);
const OPEN_AGAIN: Duration = Duration::from_millis(500);

/// The results that wait. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Results {
    log: Log,
}

impl Results {
    pub(crate) fn new(log: Log) -> Self {
        Self { log }
    }

    /// Has a result told as soon as its receiver listens; it waits durably when this returns.
    pub(crate) fn put<'a>(
        &'a self,
        waiting: &'a WaitingResult,
    ) -> BoxFuture<'a, Result<(), UnavailableError>> {
        Box::pin(async move { self.log.put(COMMITMENT_RESULTS, encoded(waiting)).await })
    }

    /// Tells them until `shutdown`, and what is in hand then.
    pub(crate) async fn keep_telling(&self, shutdown: &CancellationToken) {
        let consumer = QueueConsumer {
            stream: COMMITMENTS,
            name: "dicom-commitments".to_owned(),
            filter: COMMITMENT_RESULTS.to_owned(),
            max_unsettled: MAX_UNSETTLED,
        };
        let tasks = TaskTracker::new();
        let mut said = false;
        while !shutdown.is_cancelled() {
            let ended = match self.log.queue(&consumer).await {
                Ok(queue) => {
                    said = false;
                    self.tell_all(queue, &tasks, shutdown).await
                }
                Err(error) => {
                    if !std::mem::replace(&mut said, true) {
                        tracing::warn!(error = &error as &dyn Error, "results of storage commitment wait");
                    }
                    Err(error)
                }
            };
            if ended.is_err() {
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = tokio::time::sleep(OPEN_AGAIN) => {}
                }
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    async fn tell_all(
        &self,
        mut queue: Queue,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> Result<(), UnavailableError> {
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let next = async {
                let slot = slots.clone().acquire_owned().await;
                (slot, queue.take().await)
            };
            let (slot, queued) = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                next = next => next,
            };
            let (queued, log) = (queued?, self.log.clone());
            tasks.spawn(async move {
                tell_one(queued, &log).await;
                drop(slot);
            });
        }
        queue.close().await;
        Ok(())
    }
}

async fn tell_one(queued: Queued, log: &Log) {
    let Ok(waiting) = ciborium::from_reader::<WaitingResult, _>(queued.payload().as_ref()) else {
        tracing::error!("a result of storage commitment can't be read: dropped, its sender will ask again");
        return queued.settle().await;
    };
    let told = queued.in_hand_during(tell(&waiting, TELL_LIMIT)).await;
    let now = log.clock().now();
    let waited = queued.stored_at().zip(now).map(|(stored_at, now)| now.duration_since(stored_at));
    let word = match &told {
        Ok(()) => "told",
        Err(error) => {
            let is_over = waited.is_some_and(|waited| waited > GIVE_UP_AFTER);
            let receiver = waiting.receiver_ae.as_str();
            let error = error as &dyn Error;
            if is_over {
                tracing::warn!(error, receiver, "storage commitment was not told for a day: given up");
                "given-up"
            } else {
                tracing::info!(error, receiver, "storage commitment could not be told: tried again");
                "failed"
            }
        }
    };
    metrics::counter!("hilum_dicom_commitment_results_total", "outcome" => word).increment(1);
    if word == "failed" {
        let doublings = u32::try_from(queued.deliveries().saturating_sub(1)).unwrap_or(u32::MAX).min(16);
        let (first, longest) = WAITS;
        queued.put_off(first.saturating_mul(1 << doublings).min(longest)).await;
    } else {
        queued.settle().await;
    }
}
