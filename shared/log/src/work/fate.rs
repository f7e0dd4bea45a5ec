//! What became of a message, and what the server is told of it.

use std::error::Error;

use async_nats::jetstream::AckKind;
use async_nats::jetstream::message::Message;
use hilum_faults::reach;

use super::config::WorkError;
use super::settler::Settler;
use super::source::nak;

/// What became of a message.
pub(super) enum Fate {
    /// It was handled.
    Done,
    /// A ticket brings it again.
    Later,
    /// A ticket brings it to a worker that has what it needs.
    HandedOver,
    /// Its story is kept and its job was told.
    Parked,
    /// A handler said stop.
    Stopped(Box<dyn Error + Send + Sync>),
    /// It was not done when draining ended.
    HandedBack,
}

impl Settler {
    /// Answers the server; gives a word for the metrics.
    pub(super) async fn answer(&self, message: &Message, seq: u64, fate: Fate) -> &'static str {
        match fate {
            Fate::Done => {
                settled(message, seq).await;
                "done"
            }
            Fate::Later => {
                settled(message, seq).await;
                "retried"
            }
            Fate::HandedOver => {
                settled(message, seq).await;
                "handed_over"
            }
            Fate::Parked => {
                if let Err(error) = message.ack_with(AckKind::Term).await {
                    tracing::debug!(error, seq, "termination was not sent");
                }
                "parked"
            }
            Fate::HandedBack => {
                nak(message).await;
                "handed_back"
            }
            Fate::Stopped(source) => {
                tracing::error!(error = &*source as &dyn Error, seq, "stopping: going on would do harm");
                // The message comes again after its ack wait. Only the first reason to stop is kept.
                let _ = self.stopped.try_send(WorkError::Stopped { seq, source });
                "stopped"
            }
        }
    }
}

/// A lost acknowledgement brings the message again; handling it again changes nothing.
async fn settled(message: &Message, seq: u64) {
    reach("work.before-ack");
    if let Err(error) = message.double_ack().await {
        tracing::debug!(error, seq, "acknowledgement was not confirmed");
    }
}
