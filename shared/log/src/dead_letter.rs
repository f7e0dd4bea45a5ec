//! What is kept of a message that was given up: enough to see why and to try again.

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::connection::{Log, UnavailableError};
use crate::recorded::Recorded;

/// An entry of the dead-letter stream, CBOR-encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The consumer that gave up.
    pub consumer: String,
    /// Position of the message in the event stream.
    pub stream_seq: u64,
    /// Its subject.
    pub subject: String,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// Its payload as it was.
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
    /// How often it was delivered.
    pub deliveries: u64,
    /// The last error and its causes, outermost first.
    pub errors: Vec<String>,
    /// Version of the service.
    pub service_version: String,
    /// The trace it belonged to.
    pub trace_id: Option<String>,
    /// When it was given up.
    pub parked_at: Timestamp,
}

impl DeadLetter {
    pub(crate) fn new(consumer: &str, recorded: &Recorded, deliveries: u64, errors: Vec<String>) -> Self {
        Self {
            consumer: consumer.to_owned(),
            stream_seq: recorded.seq,
            subject: recorded.subject.clone(),
            headers: recorded.headers.clone().into_iter().collect(),
            payload: recorded.payload.to_vec(),
            deliveries,
            errors,
            service_version: env!("CARGO_PKG_VERSION").to_owned(),
            trace_id: recorded.trace_id(),
            parked_at: Timestamp::now(),
        }
    }

    /// One subject per message and consumer.
    pub fn subject(&self) -> String {
        format!("dlq.{}.{}", self.consumer, self.stream_seq)
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// When the bytes are not an entry.
    pub fn decode(bytes: &[u8]) -> Result<Self, ciborium::de::Error<std::io::Error>> {
        ciborium::from_reader(bytes)
    }
}

impl Log {
    /// Writes the entry and waits until it is durable; a second one for the same message is not written.
    ///
    /// # Errors
    /// When the server is away.
    pub async fn write_dead_letter(&self, letter: &DeadLetter) -> Result<(), UnavailableError> {
        let mut bytes = Vec::new();
        ciborium::into_writer(letter, &mut bytes).map_err(UnavailableError::new("encode a dead letter"))?;
        let message = PublishMessage::build().payload(bytes.into()).expected_last_subject_sequence(0);
        let sent = self.context.send_publish(letter.subject(), message).await;
        let acknowledged = match sent {
            Ok(ack) => ack.await,
            Err(error) => Err(error),
        };
        match acknowledged {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(()),
            Err(error) => Err(UnavailableError::new("write to the dead-letter stream")(error)),
        }
    }
}
