//! What the server says of messages that it does not hand out any more.

use jiff::Timestamp;
use serde::Deserialize;

/// Why a message is not handed out any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum AdvisoryKind {
    /// It was delivered as often as the consumer allows.
    #[serde(rename = "io.nats.jetstream.advisory.v1.max_deliver")]
    MaxDeliveries,
    /// A worker ended it.
    #[serde(rename = "io.nats.jetstream.advisory.v1.terminated")]
    Terminated,
}

/// One advisory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advisory {
    /// Position in the stream of advisories.
    pub seq: u64,
    /// Why the message ended.
    pub kind: AdvisoryKind,
    /// Whether it was handed out by a ticket, which still stands among the retries.
    pub by_ticket: bool,
    /// The consumer that had handed it out, as declared.
    pub consumer: String,
    /// Position of the message in the event stream.
    pub stream_seq: u64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// When the server said so.
    pub at: Timestamp,
}
