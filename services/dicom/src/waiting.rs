//! Connections that have not yet asked for an association. They are bounded in number and time; when there are too many, the
//! one that has waited longest goes, for whoever has something to send says so at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct WaitingRoom {
    most: usize,
    limit: Duration,
    room: Arc<Mutex<Room>>,
}

#[derive(Debug, Default)]
struct Room {
    waiting: BTreeMap<u64, CancellationToken>,
    /// The number of the next connection.
    next: u64,
}

/// A connection that waits, until this is dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    room: WaitingRoom,
    number: u64,
    deadline: Instant,
    sent_away: CancellationToken,
}

impl WaitingRoom {
    /// For `most` connections, each of which may wait for `limit`.
    pub(crate) fn new(most: usize, limit: Duration) -> Self {
        Self { most: most.max(1), limit, room: Arc::default() }
    }

    /// Lets one more in.
    pub(crate) fn enter(&self) -> Waiting {
        let sent_away = CancellationToken::new();
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        if room.waiting.len() >= self.most
            && let Some((_, first)) = room.waiting.pop_first()
        {
            first.cancel();
        }
        let number = room.next;
        room.next += 1;
        room.waiting.insert(number, sent_away.clone());
        Waiting { room: self.clone(), number, deadline: Instant::now() + self.limit, sent_away }
    }
}

impl Waiting {
    /// When it has waited long enough.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Cancelled when it has to make room for another one.
    pub(crate) fn sent_away(&self) -> CancellationToken {
        self.sent_away.clone()
    }

    /// It has asked for an association, and goes for nobody from now on.
    pub(crate) fn ended(self) {}
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.room.room.lock().unwrap_or_else(PoisonError::into_inner).waiting.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_one_that_has_waited_longest_makes_room() {
        let room = WaitingRoom::new(2, Duration::from_secs(1));
        let (first, second) = (room.enter(), room.enter());
        let asked = second.sent_away();
        second.ended();
        let third = room.enter();
        assert!(!first.sent_away().is_cancelled(), "there is room");
        let fourth = room.enter();
        assert!(first.sent_away().is_cancelled());
        drop(first);
        assert!(
            !asked.is_cancelled() && !third.sent_away().is_cancelled() && !fourth.sent_away().is_cancelled()
        );
    }
}
