//! What the sweep saw itself beside the facts: how far the queues are, what the server said, what was repaired.
//! None of it is kept anywhere: another sweep sees it anew.

use std::collections::HashSet;

use hilum_streams::{Advisory, ConsumerPosition, target_of};
use jiff::Timestamp;

use super::decide::{Positions, QueueState};
use super::{Doubt, State, Work};

impl State {
    /// Takes what is to be looked up, `max` at most.
    pub(crate) fn take_doubts(&mut self, max: usize) -> Vec<Doubt> {
        self.doubts.drain(..max.min(self.doubts.len())).collect()
    }

    /// Keeps what is to be looked up again.
    pub(crate) fn doubt_again(&mut self, doubt: Doubt) {
        self.doubts.push(doubt);
    }

    /// Notes what the server said of a message that it will not hand out any more. No open work shows whether a
    /// delivery has ended, so that is to be looked up.
    pub(crate) fn note_advisory(&mut self, advisory: Advisory) {
        if target_of(&advisory.consumer).is_some() {
            self.doubts.push(Doubt::DeliveryUnanswered(advisory));
            return;
        }
        self.advisories.insert((advisory.consumer.clone(), advisory.stream_seq), advisory);
    }

    /// Forgets what the server said of messages whose work has ended.
    pub(crate) fn forget_settled_advisories(&mut self) {
        let open: HashSet<_> = self.open.values().map(|open| (open.consumer, open.seq)).collect();
        let last_seq = self.last_seq;
        self.advisories
            .retain(|(consumer, seq), _| *seq > last_seq || open.contains(&(consumer.as_str(), *seq)));
    }

    /// Notes which open messages had been handed out at `now`.
    pub(crate) fn note_handed_out(&mut self, positions: &[ConsumerPosition], now: Timestamp) {
        let positions = Positions::of(positions);
        for open in self.open.values_mut().filter(|open| open.handed_out_at.is_none()) {
            if positions.state_of(open) != QueueState::Waiting {
                open.handed_out_at = Some(now);
            }
        }
    }

    /// Notes that `work` was seen to be under way at `now`.
    pub(crate) fn note_under_way(&mut self, work: Work, now: Timestamp) {
        if let Some(open) = self.open.get_mut(&work) {
            open.moved_at = Some(now);
        }
    }

    /// Notes that the message of `work` was handed out again at `now`.
    pub(crate) fn note_repair(&mut self, work: Work, now: Timestamp) {
        self.note_under_way(work, now);
        if let Some(open) = self.open.get_mut(&work) {
            open.repaired_at.push(now);
        }
    }
}
