//! Forms batches from what is waiting, for one or several engines. Pure queueing: knows no engine and no tensor.
//!
//! A batch is closed when it is full or the engine's fair share, when nothing else is on the way, or when its first
//! image has waited long enough. So a lone image never waits for company that does not come, and no engine takes what
//! an idle one could read.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
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

/// What waits for the engines of one model. Bounded by the places that its jobs hold.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Images that are being prepared.
    announced: usize,
    /// Engines that have nothing to do.
    idle: usize,
    closed: bool,
}

/// What an idle engine does now.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Take(usize),
    WaitUntil(Instant),
    Wait,
}

impl Queue {
    /// Says that an image is being prepared: batches wait for it for a bounded time.
    pub(crate) fn announce(&self) {
        self.lock().announced += 1;
    }

    /// The announced image does not come.
    pub(crate) fn withdraw(&self) {
        self.lock().announced -= 1;
        self.changed.notify_one();
    }

    /// Appends an image that may have been announced. A closed queue drops it, which its sender notices.
    pub(crate) fn push(&self, job: Job, was_announced: bool) {
        let mut state = self.lock();
        state.announced -= usize::from(was_announced);
        if !state.closed {
            state.jobs.push_back(job);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Takes no more images; engines end when they have read what is there.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Closes and forgets what is waiting: nobody will read it.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.jobs.clear();
    }

    /// The next batch for one engine, never empty; `None` once the queue is closed and drained. Jobs that nobody waits
    /// for any more are dropped.
    pub(crate) fn next_batch(&self, settings: &BatchSettings) -> Option<Vec<Job>> {
        let mut state = self.lock();
        state.idle += 1;
        let size = loop {
            state.jobs.retain(|job| !job.reply.is_closed());
            if state.closed && state.jobs.is_empty() {
                break 0;
            }
            state = match state.decide(settings, Instant::now()) {
                Decision::Take(size) => break size,
                Decision::Wait => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Decision::WaitUntil(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        };
        state.idle -= 1;
        let batch: Vec<Job> = state.jobs.drain(..size).collect();
        let more = !state.jobs.is_empty();
        drop(state);
        if more {
            self.changed.notify_one();
        }
        let free_place = |mut job: Job| {
            drop(job.place.take());
            job
        };
        let batch: Vec<Job> = batch.into_iter().map(free_place).collect();
        (!batch.is_empty()).then_some(batch)
    }

    #[cfg(test)]
    pub(crate) fn announced(&self) -> usize {
        self.lock().announced
    }

    /// No code that holds the lock can panic half way through a change.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// For the engine that asks, which counts as idle.
    fn decide(&self, settings: &BatchSettings, now: Instant) -> Decision {
        let Some(first) = self.jobs.front() else { return Decision::Wait };
        let (waiting, idle) = (self.jobs.len(), self.idle.max(1));
        let coming = if self.closed { 0 } else { self.announced };
        let share = (waiting + coming).div_ceil(idle).min(settings.max_batch.get());
        if waiting >= share {
            return Decision::Take(share);
        }
        let deadline = first.queued_at + settings.max_wait;
        if now < deadline {
            return Decision::WaitUntil(deadline);
        }
        Decision::Take(waiting.div_ceil(idle).min(settings.max_batch.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Reply = oneshot::Receiver<Result<Output, EngineError>>;

    fn settings(max_wait_ms: u64) -> BatchSettings {
        BatchSettings { max_wait: Duration::from_millis(max_wait_ms), ..BatchSettings::default() }
    }

    fn send(queue: &Queue, value: f32, was_announced: bool) -> Reply {
        let (reply, answer) = oneshot::channel();
        let job = Job { input: vec![value], queued_at: Instant::now(), reply, place: None };
        queue.push(job, was_announced);
        answer
    }

    fn values(batch: Option<Vec<Job>>) -> Vec<f32> {
        batch.into_iter().flatten().map(|job| job.input[0]).collect()
    }

    #[test]
    fn what_is_waiting_goes_in_order_up_to_the_largest_batch() {
        let queue = Queue::default();
        let _answers: Vec<Reply> = (0..11u8).map(|value| send(&queue, f32::from(value), false)).collect();
        assert_eq!(values(queue.next_batch(&settings(30))), [0., 1., 2., 3., 4., 5., 6., 7.]);
        assert_eq!(values(queue.next_batch(&settings(30))), [8., 9., 10.]);
    }

    #[test]
    fn a_lone_image_does_not_wait_when_nothing_is_announced() {
        let queue = Queue::default();
        let _answer = send(&queue, 1.0, false);
        assert_eq!(values(queue.next_batch(&settings(3_600_000))), [1.0]);
    }

    #[test]
    fn an_announced_image_is_waited_for() {
        let queue = Queue::default();
        queue.announce();
        let _first = send(&queue, 1.0, false);
        std::thread::scope(|scope| {
            let batch = scope.spawn(|| values(queue.next_batch(&settings(60_000))));
            while queue.lock().idle == 0 && !batch.is_finished() {
                std::thread::yield_now();
            }
            let _second = send(&queue, 2.0, true);
            assert_eq!(batch.join().unwrap(), [1.0, 2.0]);
        });
    }

    #[test]
    fn an_announced_image_that_is_withdrawn_is_not_waited_for() {
        let queue = Queue::default();
        queue.announce();
        let _answer = send(&queue, 1.0, false);
        std::thread::scope(|scope| {
            let batch = scope.spawn(|| values(queue.next_batch(&settings(3_600_000))));
            queue.withdraw();
            assert_eq!(batch.join().unwrap(), [1.0]);
        });
    }

    #[test]
    fn an_announced_image_that_never_comes_is_waited_for_until_the_deadline() {
        let queue = Queue::default();
        queue.announce();
        let _answer = send(&queue, 1.0, false);
        let began = Instant::now();
        assert_eq!(values(queue.next_batch(&settings(20))), [1.0]);
        let waited = began.elapsed();
        assert!(waited < Duration::from_secs(10), "{waited:?}");
    }

    #[test]
    fn a_job_that_nobody_waits_for_is_left_out() {
        let queue = Queue::default();
        drop(send(&queue, 1.0, false));
        let _answer = send(&queue, 2.0, false);
        drop(send(&queue, 3.0, false));
        assert_eq!(values(queue.next_batch(&settings(30))), [2.0]);
    }

    #[test]
    fn a_closed_queue_is_drained_first() {
        let queue = Queue::default();
        queue.announce();
        let _answer = send(&queue, 1.0, false);
        queue.close();
        assert_eq!(values(queue.next_batch(&settings(3_600_000))), [1.0]);
        assert!(queue.next_batch(&settings(30)).is_none());
    }

    fn decide(waiting: usize, announced: usize, idle: usize, waited_ms: u64) -> Decision {
        let now = Instant::now();
        let queued_at = now.checked_sub(Duration::from_millis(waited_ms)).unwrap();
        let job = || Job { input: Vec::new(), queued_at, reply: oneshot::channel().0, place: None };
        let jobs = std::iter::repeat_with(job).take(waiting).collect();
        State { jobs, announced, idle, closed: false }.decide(&settings(30), now)
    }

    #[test]
    fn idle_engines_share_what_waits() {
        assert_eq!(decide(6, 0, 1, 0), Decision::Take(6));
        assert_eq!(decide(6, 0, 2, 0), Decision::Take(3));
        assert_eq!(decide(5, 0, 4, 0), Decision::Take(2));
        assert_eq!(decide(1, 0, 4, 0), Decision::Take(1));
        assert_eq!(decide(40, 9, 2, 0), Decision::Take(8), "a batch is bounded");
        assert_eq!(decide(0, 3, 2, 0), Decision::Wait);
    }

    #[test]
    fn an_idle_engine_waits_for_its_share_of_what_is_announced_and_no_longer_than_allowed() {
        assert!(matches!(decide(1, 3, 2, 0), Decision::WaitUntil(_)));
        assert_eq!(decide(2, 2, 2, 0), Decision::Take(2), "the other engine gets the announced ones");
        assert!(matches!(decide(7, 20, 1, 29), Decision::WaitUntil(_)));
        assert_eq!(decide(7, 20, 1, 30), Decision::Take(7));
        assert_eq!(decide(7, 90, 2, 30), Decision::Take(4), "the other idle engine gets the rest");
    }

    #[test]
    fn an_abandoned_queue_tells_those_who_wait() {
        let queue = Queue::default();
        let mut answers = [send(&queue, 1.0, false), send(&queue, 2.0, false)];
        queue.abandon();
        let mut late = send(&queue, 3.0, false);
        assert!(answers.iter_mut().chain([&mut late]).all(|answer| answer.try_recv().is_err()));
        assert!(queue.next_batch(&settings(30)).is_none());
    }
}
