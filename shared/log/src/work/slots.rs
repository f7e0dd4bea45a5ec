//! How many messages can be in hand at a time: of any kind, of retries among them, and reserves beyond for what is most
//! urgent and for sites that have none in hand. Knows no message.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

/// What a message in hand holds: a slot, and one for retries when it is a retry that came in its turn.
pub(super) type HeldSlots = (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>);

/// The slots of a worker, and the messages that hold one.
pub(super) struct SlotPool {
    slots: Arc<Semaphore>,
    retry_slots: Arc<Semaphore>,
    /// For the first of several consumers, when all else is taken.
    reserve: Arc<Semaphore>,
    /// For sites that have nothing in hand, when all else is taken.
    newcomers: Arc<Semaphore>,
    pub(super) tasks: TaskTracker,
}

impl SlotPool {
    /// For `concurrency` messages of so many consumers, which may have lanes.
    pub(super) fn new(concurrency: usize, consumers: usize, has_lanes: bool) -> Self {
        let quarter = (concurrency / 4).max(1);
        // With one consumer nothing is more urgent than the rest.
        let reserve = if consumers > 1 { quarter } else { 0 };
        Self {
            slots: Arc::new(Semaphore::new(concurrency)),
            retry_slots: Arc::new(Semaphore::new(quarter)),
            reserve: Arc::new(Semaphore::new(reserve)),
            newcomers: Arc::new(Semaphore::new(if has_lanes { quarter } else { 0 })),
            tasks: TaskTracker::new(),
        }
    }

    /// Waits for a slot for any message.
    pub(super) async fn slot(&self) -> OwnedSemaphorePermit {
        free(&self.slots).await
    }

    /// Waits for a slot for what is most urgent.
    pub(super) async fn reserved_slot(&self) -> OwnedSemaphorePermit {
        free(&self.reserve).await
    }

    /// Waits for a slot for a site that has nothing in hand.
    pub(super) async fn newcomers_slot(&self) -> OwnedSemaphorePermit {
        free(&self.newcomers).await
    }

    /// A slot for a retry besides the one for any message, if there is one.
    pub(super) fn retry_slot(&self) -> Option<OwnedSemaphorePermit> {
        self.retry_slots.clone().try_acquire_owned().ok()
    }

    /// Waits until there is one.
    pub(super) async fn retry_slot_free(&self) {
        // It is left at once: whether it is wanted then is decided anew.
        drop(self.retry_slots.acquire().await);
    }
}

async fn free(slots: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    slots.clone().acquire_owned().await.expect("the semaphore is never closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots, slots for retries, reserve, that of newcomers.
    fn sizes(concurrency: usize, consumers: usize, has_lanes: bool) -> [usize; 4] {
        let pool = SlotPool::new(concurrency, consumers, has_lanes);
        [&pool.slots, &pool.retry_slots, &pool.reserve, &pool.newcomers]
            .map(|semaphore| semaphore.available_permits())
    }

    #[test]
    fn the_first_of_several_consumers_has_a_quarter_more_and_one_at_least() {
        assert_eq!(sizes(20, 2, false), [20, 5, 5, 0]);
        assert_eq!(sizes(2, 2, false), [2, 1, 1, 0]);
        assert_eq!(sizes(20, 1, false), [20, 5, 0, 0], "a lone consumer stays within its bound");
    }

    #[test]
    fn sites_that_have_nothing_in_hand_have_a_quarter_more() {
        assert_eq!(sizes(20, 2, true), [20, 5, 5, 5]);
        assert_eq!(sizes(2, 2, true), [2, 1, 1, 1]);
    }
}
