//! What is in hand beside what. A message that workers took and never answered may have been their end: before it is
//! risked once more nothing else is in hand, and nothing is asked for until it has ended. What would die with it each
//! time would else be taken for poison, too.

use tokio::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, watch};

/// What a message holds while it is handled.
pub(super) enum Room<'a> {
    BesideOthers { _room: RwLockReadGuard<'a, ()> },
    Alone { _suspect: MutexGuard<'a, ()>, _gate: Closed<'a>, _room: RwLockWriteGuard<'a, ()> },
}

/// The state of a worker.
pub(super) struct Calm {
    /// Shared by messages that are handled side by side; a suspect has it for itself.
    room: RwLock<()>,
    /// Held by the one suspect that waits for the room or has it.
    suspect: Mutex<()>,
    /// Whether messages are asked for, and what was asked for or has come.
    gate: Gate,
}

/// Open while messages are asked for.
#[derive(Clone)]
pub(super) struct Gate {
    is_open: watch::Sender<bool>,
    /// Requests that the server has, and messages that have come: those that wait for a slot, are handled, or put off.
    in_hand: watch::Sender<usize>,
}

/// Counts a message, from the request for it until it has ended.
pub(super) struct Counted(watch::Sender<usize>);

/// Opens the gate when it is dropped.
pub(super) struct Closed<'a>(&'a Gate);

impl Calm {
    pub(super) fn new() -> Self {
        Self {
            room: RwLock::default(),
            suspect: Mutex::default(),
            gate: Gate { is_open: watch::Sender::new(true), in_hand: watch::Sender::new(0) },
        }
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// A place beside others; `None` while a suspect is in hand.
    pub(super) fn beside_others(&self) -> Option<Room<'_>> {
        self.room.try_read().ok().map(|room| Room::BesideOthers { _room: room })
    }

    /// Waits until nothing else is in hand or on its way; `None` while another suspect is in hand.
    pub(super) async fn alone(&self) -> Option<Room<'_>> {
        let suspect = self.suspect.try_lock().ok()?;
        let gate = self.gate.close();
        let room = self.room.write().await;
        let mut in_hand = self.gate.in_hand.subscribe();
        let others_ended = in_hand.wait_for(|count| *count == 1).await;
        others_ended.expect("what counts is here");
        Some(Room::Alone { _suspect: suspect, _gate: gate, _room: room })
    }
}

impl Gate {
    /// Counts a message that is asked for or in hand.
    pub(super) fn count(&self) -> Counted {
        self.in_hand.send_modify(|count| *count += 1);
        Counted(self.in_hand.clone())
    }

    /// Counts a message that may be asked for now; waits until the gate is open.
    pub(super) async fn pass(&self) -> Counted {
        loop {
            self.is(true).await;
            // Counted first: whoever closes the gate after this look sees the count.
            let counted = self.count();
            if *self.is_open.borrow() {
                return counted;
            }
        }
    }

    /// Waits until it is closed.
    pub(super) async fn closed(&self) {
        self.is(false).await;
    }

    async fn is(&self, open: bool) {
        let mut state = self.is_open.subscribe();
        state.wait_for(|is_open| *is_open == open).await.expect("who opens and closes it is here");
    }

    fn close(&self) -> Closed<'_> {
        self.is_open.send_replace(false);
        Closed(self)
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.is_open.send_replace(true);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_suspect_waits_for_all_that_is_in_hand_or_asked_for_and_nothing_begins_beside_it() {
        let calm = Calm::new();
        let (_own, other) = (calm.gate().count(), calm.gate().count());
        let asked = calm.gate().pass().await;
        let beside = calm.beside_others().unwrap();
        let mut alone = Box::pin(calm.alone());
        assert!(futures::poll!(&mut alone).is_pending());
        calm.gate().closed().await;
        assert!(calm.beside_others().is_none(), "what comes now is put off");
        assert!(calm.alone().await.is_none(), "and so is another suspect");
        let mut next = Box::pin(calm.gate().pass());
        assert!(futures::poll!(&mut next).is_pending(), "nothing more is asked for");
        drop(beside);
        assert!(futures::poll!(&mut alone).is_pending(), "one message is still in hand");
        drop(other);
        assert!(futures::poll!(&mut alone).is_pending(), "one is on its way");
        drop(asked);
        let room = alone.await.unwrap();
        drop(room);
        let _next = next.await;
        assert!(calm.beside_others().is_some());
    }
}
