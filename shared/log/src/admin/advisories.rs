//! What the server said of messages that it does not hand out any more: the net below workers that died without
//! a word. An advisory is sent once and may be lost, so it is a hint, never the only trace.

use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::stream::RawMessageErrorKind;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use hilum_streams::{ADVISORIES, Advisory, AdvisoryKind, RETRIES, declared};
use jiff::Timestamp;
use serde::Deserialize;

use crate::port::{Log, UnavailableError, asked};
use crate::work::Ticket;

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
    /// The advisories behind position `seq` of their stream, oldest first. Left out are those on tickets that were
    /// settled since, and those that can't be read, which are named in the log.
    ///
    /// # Errors
    /// When the server does not answer or has no stream of advisories.
    pub fn advisories_after(&self, seq: u64) -> BoxFuture<'_, Result<Vec<Advisory>, UnavailableError>> {
        Box::pin(async move {
            if let Some(server) = &self.server {
                return asked(READ, server.advisories_after(seq)).await;
            }
            let stream = self.context.get_stream(ADVISORIES).await.map_err(UnavailableError::new(READ))?;
            let state = &stream.cached_info().state;
            let mut advisories = Vec::new();
            if state.last_sequence <= seq || state.messages == 0 {
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
                    Ok(body) if body.stream == RETRIES => advisories.extend(self.on_ticket(at, body).await?),
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
        })
    }

    /// What an advisory on a ticket means for the message that the ticket names.
    async fn on_ticket(&self, seq: u64, body: Body) -> Result<Option<Advisory>, UnavailableError> {
        let stream = self.context.get_stream_no_info(RETRIES).await.map_err(UnavailableError::new(READ))?;
        let message = match stream.get_raw_message(body.stream_seq).await {
            Ok(message) => message,
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => return Ok(None),
            Err(error) => return Err(UnavailableError::new(READ)(error)),
        };
        let Ok(Ticket { consumer, stream_seq, .. }) = Ticket::decode(&message.payload) else {
            tracing::error!(position = body.stream_seq, "a retry ticket can't be read");
            return Ok(None);
        };
        Ok(Some(Advisory { by_ticket: true, consumer, stream_seq, ..body.at(seq) }))
    }
}

impl Body {
    fn at(self, seq: u64) -> Advisory {
        let Self { kind, timestamp, consumer, stream_seq, deliveries, .. } = self;
        let consumer = declared(&consumer).to_owned();
        Advisory { seq, kind, by_ticket: false, consumer, stream_seq, deliveries, at: timestamp }
    }
}
