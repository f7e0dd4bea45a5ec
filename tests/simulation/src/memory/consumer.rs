//! A durable consumer as nats-server keeps it: who has what in hand, and what is to be handed out again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// The name of a lane of a consumer on the server.
pub(crate) fn lane_name(consumer: &str, lane: u16) -> String {
    format!("{consumer}-lane-{lane}")
}

/// What a consumer hands out, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// Its name on the server.
    pub name: String,
    /// As declared in `streams/`; the same for all its lanes.
    pub declared: String,
    /// Which lane of the declared one it is, if it is one.
    pub lane: Option<u16>,
    /// What it hands out.
    pub filters: Vec<String>,
    /// What is not settled or said to be in hand for so long is handed out again.
    pub ack_wait: SignedDuration,
    /// Deliveries of a message before the server stops.
    pub max_deliver: u64,
    /// Messages in hand over all workers.
    pub max_ack_pending: usize,
}

/// Its state.
#[derive(Debug, Clone)]
pub(crate) struct Consumer {
    pub(crate) config: ConsumerConfig,
    /// The furthest position that was handed out, or where it began.
    pub(crate) delivered_seq: u64,
    pub(crate) in_hand: BTreeMap<u64, InHand>,
    /// Up to here there is nothing new for it, so that it is not looked for again.
    pub(crate) searched_seq: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InHand {
    pub(crate) deliveries: u64,
    /// When it is handed out again.
    pub(crate) until: Timestamp,
}

/// What there is to hand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// This message, for the so many-th time.
    Message { seq: u64, deliveries: u64 },
    /// A message was handed out as often as may be, and no more.
    GivenUp { seq: u64, deliveries: u64 },
    /// Nothing.
    Nothing,
}

impl Consumer {
    pub(crate) fn new(config: ConsumerConfig, after_seq: u64) -> Self {
        Self { config, delivered_seq: after_seq, in_hand: BTreeMap::new(), searched_seq: after_seq }
    }

    /// Takes what was not settled in time before what is new; `find` is the first message behind a position.
    pub(crate) fn next(&mut self, now: Timestamp, find: impl Fn(u64, &[String]) -> Option<u64>) -> Next {
        let overdue = self.in_hand.iter().find(|(_, it)| it.until <= now).map(|(seq, it)| (*seq, *it));
        if let Some((seq, InHand { deliveries, .. })) = overdue {
            if deliveries >= self.config.max_deliver {
                self.in_hand.remove(&seq);
                return Next::GivenUp { seq, deliveries };
            }
            return self.hand_out(seq, deliveries + 1, now);
        }
        if self.in_hand.len() >= self.config.max_ack_pending {
            return Next::Nothing;
        }
        match find(self.delivered_seq, &self.config.filters) {
            Some(seq) => {
                self.delivered_seq = seq;
                self.searched_seq = seq;
                self.hand_out(seq, 1, now)
            }
            None => Next::Nothing,
        }
    }

    fn hand_out(&mut self, seq: u64, deliveries: u64, now: Timestamp) -> Next {
        self.in_hand.insert(seq, InHand { deliveries, until: now + self.config.ack_wait });
        Next::Message { seq, deliveries }
    }

    /// Whether the message was in hand.
    pub(crate) fn settle(&mut self, seq: u64) -> Option<InHand> {
        self.in_hand.remove(&seq)
    }

    pub(crate) fn hand_back(&mut self, seq: u64, now: Timestamp) {
        if let Some(it) = self.in_hand.get_mut(&seq) {
            it.until = now;
        }
    }

    pub(crate) fn report_progress(&mut self, seq: u64, now: Timestamp) {
        if let Some(it) = self.in_hand.get_mut(&seq) {
            it.until = now + self.config.ack_wait;
        }
    }

    /// Whether it has anything to hand out; `last_seq` is where its stream ends.
    pub(crate) fn has_any(
        &mut self,
        now: Timestamp,
        last_seq: u64,
        find: impl Fn(u64, &[String]) -> Option<u64>,
    ) -> bool {
        if self.in_hand.values().any(|it| it.until <= now) {
            return true;
        }
        if self.in_hand.len() >= self.config.max_ack_pending || self.searched_seq >= last_seq {
            return false;
        }
        let found = find(self.searched_seq, &self.config.filters);
        self.searched_seq = found.map_or(last_seq, |seq| seq - 1);
        found.is_some()
    }

    /// All that was handed out up to here is settled.
    pub(crate) fn ack_floor_seq(&self) -> u64 {
        self.in_hand.keys().next().map_or(self.delivered_seq, |first| first - 1)
    }
}
