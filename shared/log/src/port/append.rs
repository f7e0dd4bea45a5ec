//! Appending a fact: at most once per place, however often and however late it is tried.
//!
//! The place is a subject or, for a claim, a filter over subjects. The condition is that nothing stands there or, for a further
//! attempt, that nothing stands there after the one before. When an acknowledgement is lost the caller does not know whether
//! the fact was written. The next try is then refused by the server, and what stands there shows whether it is this very fact.

use std::sync::LazyLock;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use bytes::Bytes;
use futures::future::BoxFuture;
use hilum_events::Envelope;

use hilum_faults::reach;
use hilum_retry::retry;
use hilum_streams::{EVENTS, definitions};

use super::append_error::AppendError;
use super::error::UnavailableError;
use super::log::Log;
use super::recorded::inject_trace;
use super::server::Publish;
use super::trouble::sentence;

const EXPECTED_LAST_SUBJECT_FILTER: &str = "Nats-Expected-Last-Subject-Sequence-Subject";

/// The name under which readiness reports a refused append.
const APPEND: &str = "append to the event log";

/// The fact stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It was written now.
    New {
        /// Its position.
        seq: u64,
    },
    /// It stood there already, from an earlier try.
    AlreadyThere {
        /// Its position.
        seq: u64,
    },
}

impl Appended {
    /// Position in the stream.
    pub fn seq(self) -> u64 {
        match self {
            Self::New { seq } | Self::AlreadyThere { seq } => seq,
        }
    }
}

/// What goes along with a fact as headers, bytes at most: its place and id, and where its trace goes on.
const HEADERS_BYTES: usize = 2048;

/// Longest fact that the log takes, bytes, as declared.
fn longest_fact() -> usize {
    static LONGEST: LazyLock<usize> = LazyLock::new(|| {
        let events =
            definitions().into_iter().find(|it| it.name == EVENTS).expect("the event stream is defined");
        usize::try_from(events.max_message_bytes).unwrap_or(usize::MAX).saturating_sub(HEADERS_BYTES)
    });
    *LONGEST
}

/// The bytes of a fact of a length that the log takes. The server would refuse a longer one with words that sound like a
/// fault of its own.
pub(crate) fn encode(envelope: &Envelope) -> Result<Bytes, AppendError> {
    let payload = envelope.encode();
    let (size_bytes, limit_bytes) = (payload.len(), longest_fact());
    if size_bytes <= limit_bytes {
        return Ok(payload.into());
    }
    Err(AppendError::TooLong { event: envelope.event.name(), size_bytes, limit_bytes })
}

impl Log {
    /// Appends the fact and waits until it is durable.
    ///
    /// # Errors
    /// [`AppendError::Taken`] when another fact stands in its place; [`AppendError::TooLong`] when it is longer than the
    /// log takes; [`AppendError::Unavailable`] when the server stayed away for [`hilum_retry::Attempts::BRIEF`];
    /// [`AppendError::Full`] when there is no room for more; [`AppendError::Refused`] when the server does not take such a
    /// fact; [`AppendError::OtherLog`] when the log was cut or replaced.
    pub fn append<'a>(&'a self, envelope: &'a Envelope) -> BoxFuture<'a, Result<Appended, AppendError>> {
        Box::pin(async move { self.append_after(envelope, 0).await })
    }

    /// Appends the fact in the place of the one at `previous_seq`, as the next attempt; 0 when nothing may stand
    /// there yet.
    ///
    /// # Errors
    /// As [`Log::append`]; [`AppendError::Taken`] when something else than the fact at `previous_seq` is the
    /// newest in its place.
    pub fn append_after<'a>(
        &'a self,
        envelope: &'a Envelope,
        previous_seq: u64,
    ) -> BoxFuture<'a, Result<Appended, AppendError>> {
        Box::pin(async move {
            reach("append.before");
            let payload = encode(envelope)?;
            let is_transient = |error: &AppendError| matches!(error, AppendError::Unavailable(_));
            let appended =
                retry(self.patience(), is_transient, || self.append_once(envelope, &payload, previous_seq))
                    .await?;
            reach("append.after");
            Ok(appended)
        })
    }

    async fn append_once(
        &self,
        envelope: &Envelope,
        payload: &Bytes,
        previous_seq: u64,
    ) -> Result<Appended, AppendError> {
        if !self.is_connected() {
            // A publish would be kept by the client and sent later, after we said that it failed.
            return Err(AppendError::Unavailable("not connected to the NATS server".into()));
        }
        self.check_same().await?;
        let outcome = self.publish_once(envelope, payload, previous_seq).await;
        // The client sends on what it has when it is connected anew: it may have been another log that answered.
        self.check_same().await?;
        outcome
    }

    pub(crate) async fn publish_once(
        &self,
        envelope: &Envelope,
        payload: &Bytes,
        previous_seq: u64,
    ) -> Result<Appended, AppendError> {
        let chosen = self.waiting.choose(envelope.subject(), &envelope.site);
        let place = envelope.event.unique_among();
        let message_id = envelope.event_id.to_string();
        match self.publish_after(previous_seq, &chosen.subject, &place, message_id, payload.clone()).await {
            Ok(PublishAck { sequence: seq, duplicate: true, .. }) => Ok(Appended::AlreadyThere { seq }),
            Ok(PublishAck { sequence: seq, .. }) => {
                self.has_appended(seq, envelope.event_id);
                self.waiting.written(&chosen, seq, &envelope.site);
                self.standing.holds(APPEND);
                Ok(Appended::New { seq })
            }
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {
                self.who_has(&place, envelope).await
            }
            Err(error) => {
                let error = AppendError::from(error);
                if let AppendError::Full(_) = error {
                    self.standing.fails(APPEND, sentence(&error));
                }
                Err(error)
            }
        }
    }

    async fn publish_after(
        &self,
        previous_seq: u64,
        subject: &str,
        place: &str,
        message_id: String,
        payload: Bytes,
    ) -> Result<PublishAck, PublishError> {
        if let Some(server) = &self.server {
            let message = Publish {
                subject: subject.to_owned(),
                payload,
                message_id: Some(message_id),
                expected_last: Some((place.to_owned(), previous_seq)),
            };
            return message.to(&**server).await;
        }
        let mut headers = async_nats::HeaderMap::new();
        inject_trace(&mut headers);
        headers.insert(EXPECTED_LAST_SUBJECT_FILTER, place);
        let message = PublishMessage::build()
            .payload(payload)
            .headers(headers)
            .message_id(message_id)
            .expected_last_subject_sequence(previous_seq);
        self.context.send_publish(subject.to_owned(), message).await?.await
    }

    /// Writes a message, if the one at `previous_seq` is the newest under its subject; 0 for none.
    pub(crate) async fn publish_in_place(
        &self,
        subject: String,
        bytes: Vec<u8>,
        previous_seq: u64,
    ) -> Result<PublishAck, PublishError> {
        if let Some(server) = &self.server {
            let expected_last = Some((subject.clone(), previous_seq));
            let message = Publish { subject, payload: bytes.into(), message_id: None, expected_last };
            return message.to(&**server).await;
        }
        let message =
            PublishMessage::build().payload(bytes.into()).expected_last_subject_sequence(previous_seq);
        self.context.send_publish(subject, message).await?.await
    }

    async fn who_has(&self, place: &str, envelope: &Envelope) -> Result<Appended, AppendError> {
        let found = self.last(place).await?;
        match found {
            Some(recorded) if recorded.envelope().is_some_and(|e| e.event_id == envelope.event_id) => {
                Ok(Appended::AlreadyThere { seq: recorded.seq })
            }
            Some(recorded) => Err(AppendError::Taken(Box::new(recorded))),
            None => {
                let gone: UnavailableError = UnavailableError::new("find what the server says is there")(
                    "the event log answered in two ways",
                );
                Err(gone.into())
            }
        }
    }
}
