//! Durable consumers: what their names say, how far they are, what waits at them.

/// While fresh messages wait, one in so many that a worker takes is a retry: a retry may be late but not starve.
pub const RETRY_TURN: u64 = 8;

/// What waits at a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDepth {
    /// The consumer, as declared.
    pub consumer: String,
    /// The lane, when this is one.
    pub lane: Option<u16>,
    /// Messages not yet handed out.
    pub waiting: u64,
    /// Messages handed out and not yet settled.
    pub in_hand: u64,
    /// Deliveries that are settled, since the consumer was made; one that is repeated counts again.
    pub settled: u64,
}

/// How far a consumer has come in the event stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerPosition {
    /// The consumer, as declared.
    pub consumer: String,
    /// The lane, when this is one.
    pub lane: Option<u16>,
    /// The furthest position that it has handed out.
    pub delivered_seq: u64,
    /// All that it handed out up to here is settled.
    pub ack_floor_seq: u64,
    /// Messages not yet handed out.
    pub waiting: u64,
    /// Messages handed out and not yet settled.
    pub in_hand: u64,
}

/// The consumer that hands out the tickets of `consumer`.
pub fn retry_consumer(consumer: &str) -> String {
    format!("{consumer}-retry")
}

/// The service that works for a consumer.
pub fn service_of(consumer: &str) -> &str {
    consumer.split_once('-').map_or(consumer, |(service, _)| service)
}

/// The target of a consumer that delivers to one. The consumer that evaluates triage rules is named like those: its
/// target would be `triage`, which no real one may be called.
pub fn target_of(consumer: &str) -> Option<&str> {
    consumer.strip_prefix("deliver-")
}
