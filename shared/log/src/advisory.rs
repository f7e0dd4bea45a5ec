//! What the server said of messages that it does not hand out any more: the net below workers that died without
//! a word. An advisory is sent once and may be lost, so it is a hint, never the only trace.

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use futures::StreamExt as _;
use jiff::Timestamp;
use serde::Deserialize;

use crate::connection::{Log, UnavailableError};
use crate::definition::ADVISORIES;

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
    /// The stream of the message.
    pub stream: String,
    /// The consumer that had handed it out.
    pub consumer: String,
    /// Position of the message in its stream.
    pub stream_seq: u64,
    /// How often it was delivered.
    pub deliveries: u64,
    /// When the server said so.
    pub at: Timestamp,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: AdvisoryKind,
    timestamp: Timestamp,
    stream: String,
    consumer: String,
    stream_seq: u64,
    deliveries: u64,
}

const READ: &str = "read the advisories";

impl Log {
    /// The advisories behind position `seq` of their stream, oldest first; those that can't be read are named in
    /// the log and left out.
    ///
    /// # Errors
    /// When the server does not answer or has no stream of advisories.
    pub async fn advisories_after(&self, seq: u64) -> Result<Vec<Advisory>, UnavailableError> {
        let stream = self.context.get_stream(ADVISORIES).await.map_err(UnavailableError::new(READ))?;
        let last_seq = stream.cached_info().state.last_sequence;
        let mut advisories = Vec::new();
        if last_seq <= seq {
            return Ok(advisories);
        }
        let config = OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: seq + 1 },
            ..OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(UnavailableError::new(READ))?;
        let mut messages = consumer.messages().await.map_err(UnavailableError::new(READ))?;
        while let Some(message) = messages.next().await {
            let message = message.map_err(UnavailableError::new(READ))?;
            let (at, pending) = {
                let info = message.info().map_err(UnavailableError::new(READ))?;
                (info.stream_sequence, info.pending)
            };
            match serde_json::from_slice::<Body>(&message.payload) {
                Ok(body) => advisories.push(body.at(at)),
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        at,
                        "an advisory can't be read"
                    );
                }
            }
            if pending == 0 {
                break;
            }
        }
        Ok(advisories)
    }
}

impl Body {
    fn at(self, seq: u64) -> Advisory {
        let Self { kind, timestamp, stream, consumer, stream_seq, deliveries } = self;
        Advisory { seq, kind, stream, consumer, stream_seq, deliveries, at: timestamp }
    }
}
