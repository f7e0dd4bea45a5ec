//! Forms batches from what is waiting. Pure queueing: knows no engine and no tensor.
//!
//! A batch is closed when it is full, when nothing else is on the way, or when its first image has waited long enough.
//! So a lone image never waits for company that does not come.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::engine::{EngineError, Output};

/// Bounds of batching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSettings {
    /// Most images in one forward pass.
    pub max_batch: NonZeroUsize,
    /// Longest wait for announced images, counted from when the first image of the batch was queued.
    pub max_wait: Duration,
    /// Most images that wait for the model; further ones wait outside.
    pub queue_len: NonZeroUsize,
}

impl Default for BatchSettings {
    /// 8 images, 30 ms, 32 waiting.
    fn default() -> Self {
        const EIGHT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);
        const THIRTY_TWO: NonZeroUsize = NonZeroUsize::MIN.saturating_add(31);
        Self { max_batch: EIGHT, max_wait: Duration::from_millis(30), queue_len: THIRTY_TWO }
    }
}

/// One image that waits for the model.
pub(crate) struct Job {
    pub(crate) input: Vec<f32>,
    pub(crate) queued_at: Instant,
    pub(crate) reply: oneshot::Sender<Result<Output, EngineError>>,
    /// Its place in the queue, free again once the job is in a batch.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

/// The next batch, never empty; `None` once the queue is closed and drained. Jobs that nobody waits for any more are
/// dropped. `announced` counts images that are being prepared.
pub(crate) fn next_batch(
    queue: &Receiver<Job>,
    settings: &BatchSettings,
    announced: &AtomicUsize,
) -> Option<Vec<Job>> {
    let first = std::iter::from_fn(|| queue.recv().ok()).find_map(admit)?;
    let deadline = first.queued_at + settings.max_wait;
    let mut batch = vec![first];
    while batch.len() < settings.max_batch.get() {
        let Some(job) = next_job(queue, announced, deadline) else { break };
        batch.extend(admit(job));
    }
    Some(batch)
}

/// What is waiting; else what comes before the deadline, as long as something is announced.
fn next_job(queue: &Receiver<Job>, announced: &AtomicUsize, deadline: Instant) -> Option<Job> {
    match queue.try_recv() {
        Ok(job) => return Some(job),
        Err(TryRecvError::Disconnected) => return None,
        Err(TryRecvError::Empty) => {}
    }
    // An announced image may turn out to be unreadable, so the wait is looked at again after a short while.
    const LOOK_AGAIN: Duration = Duration::from_millis(2);
    while announced.load(Ordering::Acquire) > 0 {
        let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        match queue.recv_timeout(left.min(LOOK_AGAIN)) {
            Ok(job) => return Some(job),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    // The last announced image may have been queued between the look at the queue and the look at the counter.
    queue.try_recv().ok()
}

/// Frees the job's place in the queue and drops it if its sender has gone.
fn admit(mut job: Job) -> Option<Job> {
    job.place = None;
    (!job.reply.is_closed()).then_some(job)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    type Reply = oneshot::Receiver<Result<Output, EngineError>>;

    fn settings(max_wait_ms: u64) -> BatchSettings {
        BatchSettings { max_wait: Duration::from_millis(max_wait_ms), ..BatchSettings::default() }
    }

    fn send(queue: &Sender<Job>, value: f32) -> Reply {
        let (reply, answer) = oneshot::channel();
        let job = Job { input: vec![value], queued_at: Instant::now(), reply, place: None };
        queue.send(job).unwrap();
        answer
    }

    fn values(batch: Option<Vec<Job>>) -> Vec<f32> {
        batch.into_iter().flatten().map(|job| job.input[0]).collect()
    }

    #[test]
    fn what_is_waiting_goes_in_order_up_to_the_largest_batch() {
        let (sender, queue) = channel();
        let _answers: Vec<Reply> = (0..11u8).map(|value| send(&sender, f32::from(value))).collect();
        let none = AtomicUsize::new(0);
        assert_eq!(values(next_batch(&queue, &settings(30), &none)), [0., 1., 2., 3., 4., 5., 6., 7.]);
        assert_eq!(values(next_batch(&queue, &settings(30), &none)), [8., 9., 10.]);
    }

    #[test]
    fn a_lone_image_does_not_wait_when_nothing_is_announced() {
        let (sender, queue) = channel();
        let _answer = send(&sender, 1.0);
        let hour = settings(3_600_000);
        assert_eq!(values(next_batch(&queue, &hour, &AtomicUsize::new(0))), [1.0]);
    }

    #[test]
    fn an_announced_image_is_waited_for() {
        let (sender, queue) = channel();
        let announced = AtomicUsize::new(1);
        let _first = send(&sender, 1.0);
        std::thread::scope(|scope| {
            let announced = &announced;
            let batch = scope.spawn(move || values(next_batch(&queue, &settings(60_000), announced)));
            let _second = send(&sender, 2.0);
            announced.store(0, Ordering::Release);
            assert_eq!(batch.join().unwrap(), [1.0, 2.0]);
        });
    }

    #[test]
    fn an_announced_image_that_never_comes_is_waited_for_until_the_deadline() {
        let (sender, queue) = channel();
        let _answer = send(&sender, 1.0);
        let began = Instant::now();
        assert_eq!(values(next_batch(&queue, &settings(20), &AtomicUsize::new(1))), [1.0]);
        let waited = began.elapsed();
        assert!(waited < Duration::from_secs(10), "{waited:?}");
    }

    #[test]
    fn a_job_that_nobody_waits_for_is_left_out() {
        let (sender, queue) = channel();
        drop(send(&sender, 1.0));
        let _answer = send(&sender, 2.0);
        drop(send(&sender, 3.0));
        assert_eq!(values(next_batch(&queue, &settings(30), &AtomicUsize::new(0))), [2.0]);
    }

    #[test]
    fn a_closed_queue_is_drained_first() {
        let (sender, queue) = channel();
        let _answer = send(&sender, 1.0);
        drop(sender);
        let none = AtomicUsize::new(0);
        assert_eq!(values(next_batch(&queue, &settings(30), &none)), [1.0]);
        assert!(next_batch(&queue, &settings(30), &none).is_none());
    }
}
