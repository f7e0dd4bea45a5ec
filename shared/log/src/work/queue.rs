//! Messages that are no facts: they wait in a stream of their own until somebody has settled them, and are gone then. What becomes
//! of one is decided by whoever takes it; nothing here knows what it says.

use std::future::Future;
use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, pull};
use async_nats::jetstream::message::{Message, PublishMessage};
use async_nats::jetstream::stream::{DirectGetErrorKind, RawMessageErrorKind};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::calm::{Calm, Counted};
use super::pull::one_by_one;
use super::source::{nak, report_progress};
use crate::port::{Log, UnavailableError, timestamp};

/// A message that is not settled or reported as in hand for so long goes to another worker.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// After a reconnect the consumer is opened again, rather than waiting for its pull to expire.
const LOOK_AT_CONNECTION_EVERY: Duration = Duration::from_secs(1);
/// When a worker stops, a message that is on its way has come by then, or the server is away.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// A durable consumer of a stream whose messages are gone once they are settled.
#[derive(Debug, Clone)]
pub struct QueueConsumer {
    /// The stream, as `streams/` declares it.
    pub stream: &'static str,
    /// Its durable name.
    pub name: String,
    /// What it hands out.
    pub filter: String,
    /// Messages handed out and not settled at a time, those among them that wait for their next try; over all workers.
    pub max_unsettled: i64,
}

/// The messages of a consumer, as they are handed out.
pub struct Queue {
    log: Log,
    messages: BoxStream<'static, Result<(Message, Counted), UnavailableError>>,
    closing: CancellationToken,
    connections: u64,
}

/// A message in hand. Dropped without a word it is handed out again after half a minute.
pub struct Queued {
    message: Message,
    _counted: Counted,
}

/// The CBOR bytes of what is put where no fact stands.
pub fn encoded(what: &impl Serialize) -> Bytes {
    let mut bytes = Vec::new();
    ciborium::into_writer(what, &mut bytes)
        .expect("writing to memory does not fail and the types have CBOR forms");
    bytes.into()
}

impl Log {
    /// Opens the messages of `consumer`, which is made or brought to these settings first.
    ///
    /// # Errors
    /// When the server is away or refuses.
    pub fn queue<'a>(
        &'a self,
        consumer: &'a QueueConsumer,
    ) -> BoxFuture<'a, Result<Queue, UnavailableError>> {
        Box::pin(async move {
            let connections = self.connections();
            let stream = self.context.get_stream_no_info(consumer.stream).await;
            let stream = stream.map_err(UnavailableError::new("open a stream"))?;
            let config = pull::Config {
                durable_name: Some(consumer.name.clone()),
                ack_policy: AckPolicy::Explicit,
                ack_wait: ACK_WAIT,
                filter_subject: consumer.filter.clone(),
                max_ack_pending: consumer.max_unsettled,
                ..pull::Config::default()
            };
            let opened: Result<Consumer<pull::Config>, _> = stream.create_consumer(config).await;
            let opened = opened.map_err(UnavailableError::new(
                "open the consumer of a queue; apply the definitions of streams/ first",
            ))?;
            let closing = CancellationToken::new();
            let messages = one_by_one(self.clone(), opened, Calm::new().gate().clone(), closing.clone());
            Ok(Queue { log: self.clone(), messages: messages.boxed(), closing, connections })
        })
    }

    /// Puts a message where `subject` is taken; durable when this returns. Tried again it may stand there twice.
    ///
    /// # Errors
    /// When the server is away or refuses.
    pub fn put<'a>(
        &'a self,
        subject: &'a str,
        payload: Bytes,
    ) -> BoxFuture<'a, Result<(), UnavailableError>> {
        Box::pin(async move {
            const PUT: &str = "put a message in a queue";
            let message = PublishMessage::build().payload(payload);
            let sent = self.context.send_publish(subject.to_owned(), message).await;
            let sent = sent.map_err(UnavailableError::new(PUT))?;
            sent.await.map(drop).map_err(UnavailableError::new(PUT))
        })
    }

    /// The newest message under `subject` of a stream that keeps only the newest.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn newest<'a>(
        &'a self,
        stream: &'a str,
        subject: &'a str,
    ) -> BoxFuture<'a, Result<Option<Bytes>, UnavailableError>> {
        Box::pin(async move {
            let stream = self.context.get_stream_no_info(stream).await;
            let stream = stream.map_err(UnavailableError::new("open a stream"))?;
            match stream.direct_get_last_for_subject(subject.to_owned()).await {
                Ok(message) => Ok(Some(message.payload)),
                Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
                Err(error) => Err(UnavailableError::new("look for the newest message of a subject")(error)),
            }
        })
    }

    /// The first message of a stream behind `position`, with its own position.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn first_behind<'a>(
        &'a self,
        stream: &'a str,
        position: u64,
    ) -> BoxFuture<'a, Result<Option<(u64, Bytes)>, UnavailableError>> {
        Box::pin(async move {
            let stream = self.context.get_stream_no_info(stream).await;
            let stream = stream.map_err(UnavailableError::new("open a stream"))?;
            match stream.get_first_raw_message_by_subject(">", position + 1).await {
                Ok(message) => Ok(Some((message.sequence, message.payload))),
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
                Err(error) => Err(UnavailableError::new("read a stream")(error)),
            }
        })
    }

    /// Removes the messages of a stream under `subject`. The log refuses.
    ///
    /// # Errors
    /// When the server is away or refuses.
    pub fn remove<'a>(
        &'a self,
        stream: &'a str,
        subject: &'a str,
    ) -> BoxFuture<'a, Result<(), UnavailableError>> {
        Box::pin(async move {
            let stream = self.context.get_stream_no_info(stream).await;
            let stream = stream.map_err(UnavailableError::new("open a stream"))?;
            let purged = stream.purge().filter(subject).await;
            purged.map(drop).map_err(UnavailableError::new("remove messages"))
        })
    }

    /// How many messages a stream has.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn held_in<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<u64, UnavailableError>> {
        Box::pin(async move {
            let stream = self.context.get_stream(stream).await;
            let stream = stream.map_err(UnavailableError::new("ask how many messages wait"))?;
            Ok(stream.cached_info().state.messages)
        })
    }
}

impl Queue {
    /// Waits for the next message, which nobody else is handed. Cancel safe.
    ///
    /// # Errors
    /// When the server is away, or the connection was made anew: open the queue again.
    pub fn take(&mut self) -> BoxFuture<'_, Result<Queued, UnavailableError>> {
        Box::pin(async move {
            const TAKE: &str = "take a message from a queue";
            let mut looks = tokio::time::interval(LOOK_AT_CONNECTION_EVERY);
            loop {
                tokio::select! {
                    biased;
                    message = self.messages.next() => {
                        let ended = || Err(UnavailableError::new(TAKE)("the server ended the pull"));
                        let (message, counted) = message.unwrap_or_else(ended)?;
                        return Ok(Queued { message, _counted: counted });
                    }
                    _ = looks.tick() => {
                        if self.log.connections() != self.connections {
                            return Err(UnavailableError::new(TAKE)("the connection was made anew"));
                        }
                    }
                }
            }
        })
    }

    /// Gives what is still on its way to other workers.
    pub fn close(mut self) -> BoxFuture<'static, ()> {
        async move {
            self.closing.cancel();
            let rest = async {
                while let Some(Ok((message, _))) = self.messages.next().await {
                    nak(&message).await;
                }
            };
            if tokio::time::timeout(ON_ITS_WAY, rest).await.is_err() {
                tracing::debug!("the server does not say what it has sent");
            }
        }
        .boxed()
    }
}

impl Queued {
    /// What it says.
    pub fn payload(&self) -> &Bytes {
        &self.message.payload
    }

    /// How often it was handed out: 1 for the first time.
    pub fn deliveries(&self) -> u64 {
        self.message.info().map_or(1, |info| u64::try_from(info.delivered).unwrap_or(1))
    }

    /// Its position in its stream.
    pub fn position(&self) -> u64 {
        self.message.info().map_or(0, |info| info.stream_sequence)
    }

    /// When the server took it, by its clock; `None` when it does not say.
    pub fn stored_at(&self) -> Option<Timestamp> {
        self.message.info().ok().map(|info| timestamp(info.published.unix_timestamp_nanos()))
    }

    /// Does `work`, telling the server meanwhile that the message is in hand.
    pub async fn in_hand_during<T>(&self, work: impl Future<Output = T> + Send) -> T {
        let mut work = std::pin::pin!(work);
        let mut beats = tokio::time::interval(ACK_WAIT / 3);
        beats.tick().await;
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = beats.tick() => report_progress(&self.message).await,
            }
        }
    }

    /// It is settled, and gone. When the server does not hear of it, the message comes again.
    pub fn settle(self) -> BoxFuture<'static, ()> {
        async move {
            if let Err(error) = self.message.double_ack().await {
                tracing::debug!(error, "acknowledgement was not confirmed");
            }
        }
        .boxed()
    }

    /// It is to be handed out again after `wait`.
    pub fn put_off(self, wait: Duration) -> BoxFuture<'static, ()> {
        async move {
            if let Err(error) = self.message.ack_with(AckKind::Nak(Some(wait))).await {
                tracing::debug!(error, "negative acknowledgement was not sent");
            }
        }
        .boxed()
    }
}
