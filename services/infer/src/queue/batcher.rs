//! Forms batches from what is waiting, for one or several engines. Pure queueing: knows no engine and no tensor.
//!
//! A batch is closed when it is full or the engine's fair share, when nothing else is on the way, or when its first
//! image has waited long enough. So a lone image never waits for company that does not come, and no engine takes what
//! an idle one could read. Urgent images go first, and none of them waits for company that is not urgent. Among equals
//! the sites go in turn: what one site has queued stands before no other's next image.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hilum_events::{Priority, Site};
use hilum_imaging::OVERTAKEN_FOR_AT_MOST;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::engine::{EngineError, Output};

/// How many images a batch may have, how long it may wait for them, and how many may wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSettings {
    /// Most images in one forward pass.
    pub max_batch: NonZeroUsize,
    /// Longest wait for announced images, counted from when the first image of the batch was queued.
    pub max_wait: Duration,
    /// Most images of each priority that wait for the model; further ones wait outside.
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

/// One for each priority.
#[derive(Default)]
pub(crate) struct Lanes<T> {
    pub(crate) urgent: T,
    pub(crate) routine: T,
}

impl<T> Lanes<T> {
    pub(crate) fn of(&self, priority: Priority) -> &T {
        match priority {
            Priority::Stat => &self.urgent,
            Priority::Routine => &self.routine,
        }
    }

    fn of_mut(&mut self, priority: Priority) -> &mut T {
        match priority {
            Priority::Stat => &mut self.urgent,
            Priority::Routine => &mut self.routine,
        }
    }
}

/// One image that waits for the model.
pub(crate) struct Job {
    pub(crate) input: Vec<f32>,
    pub(crate) priority: Priority,
    pub(crate) site: Site,
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
    jobs: Lanes<VecDeque<Job>>,
    /// Images that are being prepared.
    announced: Lanes<usize>,
    /// Engines that have nothing to do.
    idle: usize,
    closed: bool,
    /// How many images were taken, and which of them was the last of each site.
    taken: u64,
    last_taken: Lanes<HashMap<Site, u64>>,
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
    pub(crate) fn announce(&self, priority: Priority) {
        *self.lock().announced.of_mut(priority) += 1;
    }

    /// The announced image does not come.
    pub(crate) fn withdraw(&self, priority: Priority) {
        *self.lock().announced.of_mut(priority) -= 1;
        self.changed.notify_one();
    }

    /// Appends an image that may have been announced. A closed queue drops it, which its sender notices.
    pub(crate) fn push(&self, job: Job, was_announced: bool) {
        let mut state = self.lock();
        *state.announced.of_mut(job.priority) -= usize::from(was_announced);
        if !state.closed {
            state.jobs.of_mut(job.priority).push_back(job);
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
        state.jobs = Lanes::default();
    }

    /// The next batch for one engine, never empty; `None` once the queue is closed and drained. Jobs that nobody waits
    /// for any more are dropped.
    pub(crate) fn next_batch(&self, settings: &BatchSettings) -> Option<Vec<Job>> {
        let mut state = self.lock();
        state.idle += 1;
        let size = loop {
            state.drop_unwanted();
            if state.closed && state.waiting() == 0 {
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
        let batch = state.take(size, Instant::now());
        let more = state.waiting() > 0;
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
    pub(crate) fn announced(&self, priority: Priority) -> usize {
        *self.lock().announced.of(priority)
    }

    /// No code that holds the lock can panic half way through a change.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// For the engine that asks, which counts as idle.
    fn decide(&self, settings: &BatchSettings, now: Instant) -> Decision {
        let Some(first_at) = self.first_queued_at() else { return Decision::Wait };
        let (waiting, idle) = (self.waiting(), self.idle.max(1));
        let share = (waiting + self.coming()).div_ceil(idle).min(settings.max_batch.get());
        if waiting >= share {
            return Decision::Take(share);
        }
        let deadline = first_at + settings.max_wait;
        if now < deadline {
            return Decision::WaitUntil(deadline);
        }
        Decision::Take(waiting.div_ceil(idle).min(settings.max_batch.get()))
    }

    fn waiting(&self) -> usize {
        self.jobs.urgent.len() + self.jobs.routine.len()
    }

    fn first_queued_at(&self) -> Option<Instant> {
        let first = |jobs: &VecDeque<Job>| jobs.front().map(|job| job.queued_at);
        first(&self.jobs.urgent).into_iter().chain(first(&self.jobs.routine)).min()
    }

    /// Announced images for which what is here may wait.
    fn coming(&self) -> usize {
        if self.closed {
            0
        } else if self.jobs.urgent.is_empty() {
            self.announced.urgent + self.announced.routine
        } else {
            self.announced.urgent
        }
    }

    /// The next images, no more than there are.
    fn take(&mut self, size: usize, now: Instant) -> Vec<Job> {
        std::iter::from_fn(|| self.take_one(now)).take(size).collect()
    }

    fn take_one(&mut self, now: Instant) -> Option<Job> {
        let has_waited_long = |job: &Job| now.duration_since(job.queued_at) > OVERTAKEN_FOR_AT_MOST;
        let overtaken = self.jobs.routine.front().is_some_and(has_waited_long);
        let (lane, place) = if overtaken {
            (Priority::Routine, 0)
        } else if self.jobs.urgent.is_empty() {
            (Priority::Routine, self.next_in_turn(Priority::Routine)?)
        } else {
            (Priority::Stat, self.next_in_turn(Priority::Stat)?)
        };
        let job = self.jobs.of_mut(lane).remove(place)?;
        self.taken += 1;
        self.last_taken.of_mut(lane).insert(job.site.clone(), self.taken);
        Some(job)
    }

    /// The first image of the site whose last one was taken longest ago. The queue is short: it is bounded by its places.
    fn next_in_turn(&self, lane: Priority) -> Option<usize> {
        let last_taken = self.last_taken.of(lane);
        let turn = |site: &Site| last_taken.get(site).copied().unwrap_or(0);
        let jobs = self.jobs.of(lane).iter().enumerate();
        jobs.min_by_key(|(place, job)| (turn(&job.site), *place)).map(|(place, _)| place)
    }

    /// Forgets images for which nobody waits any more.
    fn drop_unwanted(&mut self) {
        for jobs in [&mut self.jobs.urgent, &mut self.jobs.routine] {
            jobs.retain(|job| !job.reply.is_closed());
        }
    }
}

#[cfg(test)]
mod tests;
