//! Who is in hand beside whom. A message that workers took and never answered may have been their end: before it is
//! risked once more nothing else is in hand, and nothing is asked for until it has ended. What would die with it each
//! time would else be taken for poison, too.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, watch};

/// What the server had sent before the gate was closed has come by then.
pub(super) const ON_THE_WAY: Duration = Duration::from_millis(100);

/// What a message holds while it is handled.
pub(super) enum Place<'a> {
    BesideOthers { _room: RwLockReadGuard<'a, ()> },
    Alone { _suspect: MutexGuard<'a, ()>, _gate: Closed<'a>, _room: RwLockWriteGuard<'a, ()> },
}

/// The state of a worker.
pub(super) struct Calm {
    /// Shared by messages that are handled side by side; a suspect has it for itself.
    room: RwLock<()>,
    /// Held by the one suspect that waits for the room or has it.
    suspect: Mutex<()>,
    /// Messages in hand, also those that are not handled but put off.
    in_hand: watch::Sender<usize>,
    /// Whether messages are asked for.
    gate: Gate,
}

/// Open while messages are asked for.
#[derive(Clone)]
pub(super) struct Gate(watch::Sender<bool>);

/// Counts a message until it is dropped.
pub(super) struct InHand<'a>(&'a watch::Sender<usize>);

/// Opens the gate when it is dropped.
pub(super) struct Closed<'a>(&'a Gate);

impl Calm {
    pub(super) fn new() -> Self {
        Self {
            room: RwLock::default(),
            suspect: Mutex::default(),
            in_hand: watch::Sender::new(0),
            gate: Gate(watch::Sender::new(true)),
        }
    }

    /// Counts a message as in hand.
    pub(super) fn count(&self) -> InHand<'_> {
        self.in_hand.send_modify(|count| *count += 1);
        InHand(&self.in_hand)
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// A place beside others; `None` while a suspect is in hand.
    pub(super) fn beside_others(&self) -> Option<Place<'_>> {
        self.room.try_read().ok().map(|room| Place::BesideOthers { _room: room })
    }

    /// Waits until nothing else is in hand or on its way, which takes as long as `on_the_way`; `None` while another suspect
    /// is in hand.
    pub(super) async fn alone(&self, on_the_way: impl Future<Output = ()>) -> Option<Place<'_>> {
        let suspect = self.suspect.try_lock().ok()?;
        let gate = self.gate.close();
        let room = self.room.write().await;
        on_the_way.await;
        let mut in_hand = self.in_hand.subscribe();
        let others_ended = in_hand.wait_for(|count| *count == 1).await;
        others_ended.expect("what counts is here");
        Some(Place::Alone { _suspect: suspect, _gate: gate, _room: room })
    }
}

impl Gate {
    /// Waits until it is open.
    pub(super) async fn opened(&self) {
        self.is(true).await;
    }

    /// Waits until it is closed.
    pub(super) async fn closed(&self) {
        self.is(false).await;
    }

    async fn is(&self, open: bool) {
        let mut state = self.0.subscribe();
        state.wait_for(|is_open| *is_open == open).await.expect("who opens and closes it is here");
    }

    fn close(&self) -> Closed<'_> {
        self.0.send_replace(false);
        Closed(self)
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.0.send_replace(true);
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_suspect_waits_for_all_that_is_in_hand_and_nothing_begins_beside_it() {
        let calm = Calm::new();
        let (_own, other) = (calm.count(), calm.count());
        let beside = calm.beside_others().unwrap();
        let mut alone = Box::pin(calm.alone(tokio::time::sleep(ON_THE_WAY)));
        assert!(futures::poll!(&mut alone).is_pending());
        calm.gate().closed().await;
        assert!(calm.beside_others().is_none(), "what comes now is put off");
        assert!(calm.alone(async {}).await.is_none(), "and so is another suspect");
        drop(beside);
        let too_early = tokio::time::timeout(2 * ON_THE_WAY, &mut alone).await;
        assert!(too_early.is_err(), "one message is still in hand");
        drop(other);
        let place = alone.await.unwrap();
        drop(place);
        calm.gate().opened().await;
        assert!(calm.beside_others().is_some());
    }
}
