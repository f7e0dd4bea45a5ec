//! What all messages in hand share, and what is known of each.

use bytes::Bytes;
use hilum_streams::Try;
use tokio_util::sync::CancellationToken;

use super::calm::Calm;
use super::config::{WorkConfig, WorkError};
use super::need::KnownNeeds;
use crate::port::{Log, Recorded};

/// Sees messages through, all that a worker has in hand.
pub(super) struct Settler {
    pub(super) log: Log,
    pub(super) config: WorkConfig,
    pub(super) hand_back: CancellationToken,
    pub(super) stopped: tokio::sync::mpsc::Sender<WorkError>,
    pub(super) calm: Calm,
    pub(super) needs: KnownNeeds,
}

impl Settler {
    /// Says to `stopped` when a handler wants the worker to stop.
    pub(super) fn new(log: &Log, config: &WorkConfig, stopped: tokio::sync::mpsc::Sender<WorkError>) -> Self {
        Self {
            log: log.clone(),
            config: config.clone(),
            hand_back: CancellationToken::new(),
            stopped,
            calm: Calm::new(),
            needs: KnownNeeds::default(),
        }
    }
}

/// A message in hand: the fact that it brings, and its story.
pub(super) struct InHand {
    pub(super) consumer: String,
    pub(super) recorded: Recorded,
    /// How often this message or ticket was handed out, with what it was put off as before: more than once when workers took
    /// it and never answered.
    pub(super) deliveries: u64,
    /// Tries before this one.
    pub(super) tries: Vec<Try>,
}

/// A message as its server hands it out.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one for each message in hand, and it is moved once")]
pub enum Handout {
    /// A fact.
    Fact(Recorded),
    /// A ticket of the stream of retries.
    Ticket(Bytes),
}
