//! Turns at something that only so many callers may use at a time. A turn that becomes free goes to the most urgent caller
//! that waits, among equals to the first. Knows no process and no file.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hilum_events::Priority;
use tokio::sync::oneshot;

/// After this long a routine caller can no longer be overtaken: a file has only so much time in all, and must not fail because
/// others never cease to be more urgent.
pub const OVERTAKEN_FOR_AT_MOST: Duration = Duration::from_secs(120);

/// A bounded number of turns. The queue has no bound of its own: each caller that waits holds a file, and files are bounded.
pub(super) struct Turns {
    state: Mutex<State>,
}

/// Permission to use it. Dropping it passes it on to the next caller.
pub(super) struct Turn {
    turns: Arc<Turns>,
}

struct State {
    free: usize,
    urgent: VecDeque<Waiting>,
    routine: VecDeque<Waiting>,
}

struct Waiting {
    since: Instant,
    turn: oneshot::Sender<Turn>,
}

impl Turns {
    /// `count` turns, all of them free.
    pub(super) fn new(count: usize) -> Arc<Self> {
        let state = State { free: count, urgent: VecDeque::new(), routine: VecDeque::new() };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// Waits for a turn. A caller that drops the future has left the queue.
    pub(super) async fn wait(self: &Arc<Self>, priority: Priority) -> Turn {
        let turn = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Turn { turns: Arc::clone(self) };
            }
            state.join(priority, Instant::now())
        };
        turn.await.expect("who waits is forgotten only with its turn or after it has gone")
    }

    /// A poisoned lock is taken all the same: no code that holds it can panic half way through a change.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = self.turns.state().next(Instant::now());
        if let Some(next) = next {
            // If that caller leaves at this moment, the turn comes back, is dropped here, and passes to the one after.
            drop(next.send(Self { turns: Arc::clone(&self.turns) }));
        }
    }
}

impl State {
    fn join(&mut self, priority: Priority, since: Instant) -> oneshot::Receiver<Turn> {
        self.forget_those_who_went();
        let (turn, answer) = oneshot::channel();
        let lane = match priority {
            Priority::Stat => &mut self.urgent,
            Priority::Routine => &mut self.routine,
        };
        lane.push_back(Waiting { since, turn });
        answer
    }

    /// The caller whose turn it is. When nobody waits the turn is free.
    fn next(&mut self, now: Instant) -> Option<oneshot::Sender<Turn>> {
        self.forget_those_who_went();
        let has_waited_long = |waiting: &Waiting| now.duration_since(waiting.since) > OVERTAKEN_FOR_AT_MOST;
        let next = if self.urgent.is_empty() || self.routine.front().is_some_and(has_waited_long) {
            self.routine.pop_front()
        } else {
            self.urgent.pop_front()
        };
        self.free += usize::from(next.is_none());
        next.map(|waiting| waiting.turn)
    }

    fn forget_those_who_went(&mut self) {
        for lane in [&mut self.urgent, &mut self.routine] {
            lane.retain(|waiting| !waiting.turn.is_closed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Priority::{Routine, Stat};

    /// The order in which callers that join in this one have their turns.
    fn order(priorities: &[Priority], waited: Duration) -> Vec<usize> {
        let (turns, since) = (Turns::new(0), Instant::now());
        let mut answers: Vec<_> =
            priorities.iter().map(|priority| turns.state().join(*priority, since)).collect();
        let mut order = Vec::new();
        while let Some(next) = turns.state().next(since + waited) {
            assert!(next.send(Turn { turns: Turns::new(1) }).is_ok());
            order.extend(answers.iter_mut().position(|answer| answer.try_recv().is_ok()));
        }
        order
    }

    #[test]
    fn the_urgent_go_first_and_equals_in_the_order_of_their_coming() {
        let waiting = [Routine, Stat, Routine, Stat, Stat];
        assert_eq!(order(&waiting, Duration::ZERO), [1, 3, 4, 0, 2]);
        assert_eq!(order(&waiting, OVERTAKEN_FOR_AT_MOST), [1, 3, 4, 0, 2]);
        let longer = OVERTAKEN_FOR_AT_MOST + Duration::from_millis(1);
        assert_eq!(order(&waiting, longer), [0, 2, 1, 3, 4], "who waited so long is not overtaken");
    }

    /// Polls it one time.
    async fn is_pending(waiting: &mut (impl Future<Output = Turn> + Unpin)) -> bool {
        tokio::time::timeout(Duration::ZERO, waiting).await.is_err()
    }

    #[tokio::test]
    async fn the_turn_of_one_who_goes_away_is_not_lost() {
        let turns = Turns::new(1);
        let turn = turns.wait(Routine).await;
        let [mut first, mut second, mut third] = [Stat, Routine, Routine].map(|it| Box::pin(turns.wait(it)));
        for waiting in [&mut first, &mut second, &mut third] {
            assert!(is_pending(waiting).await);
        }
        drop(first);
        drop(turn);
        assert!(turns.state().routine.len() == 1, "the second was given it");
        drop(second);
        assert!(!is_pending(&mut third).await);
        drop(third);
        assert_eq!(turns.state().free, 1);
        drop(turns.wait(Stat).await);
    }
}
