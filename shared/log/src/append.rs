//! Appending a fact: at most once per place, however often and however late it is tried.
//!
//! The place is a subject (or, for a claim, a filter over subjects) and the condition is that nothing stands
//! there, or for a further attempt, that nothing stands there after the one before. A lost acknowledgement leaves the caller not knowing; the next try is then refused by the server, and
//! reading what stands there tells whether it is this very fact.

use std::sync::LazyLock;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use bytes::Bytes;
use futures::future::BoxFuture;
use hilum_events::Envelope;

use crate::connection::{Log, UnavailableError};
use crate::definition::{EVENTS, definitions};
use crate::recorded::{Recorded, inject_trace};
use crate::same::OtherLog;
use crate::server::Publish;
use crate::trouble::{Trouble, sentence, trouble_of};
use hilum_faults::reach;
use hilum_retry::retry;

const EXPECTED_LAST_SUBJECT_FILTER: &str = "Nats-Expected-Last-Subject-Sequence-Subject";

/// What readiness calls it.
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

/// The fact does not stand in the log, as far as is known.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another fact has the place.
    #[error("the place is taken by the event at position {}", .0.seq)]
    Taken(Box<Recorded>),
    /// The fact is longer than the log takes: no try will change that.
    #[error(
        "the fact {event} is {size_bytes} bytes long and the log takes {limit_bytes}: it was not sent; say less in one fact"
    )]
    TooLong {
        /// Name of the fact.
        event: &'static str,
        /// Its length.
        size_bytes: usize,
        /// The longest that is taken.
        limit_bytes: usize,
    },
    /// The log is not the one that was known: nothing may be written to it.
    #[error(transparent)]
    OtherLog(#[from] OtherLog),
    /// The server is away or did not acknowledge; trying again is safe.
    #[error("cannot append to the event log")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The log takes nothing until somebody makes room; then trying again helps.
    #[error(
        "the event log is full; make room on the disk of nats-server, or raise its max_file_store or the limits of stream \
         EVENTS"
    )]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server will not take this fact, however often it is tried.
    #[error("the event log refuses the fact")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl AppendError {
    /// Whether it passes by itself or by making room: the log takes no fact, and this says nothing about the one at hand.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full(_))
    }

    fn of(trouble: Trouble, source: Box<dyn std::error::Error + Send + Sync>) -> Self {
        match trouble {
            Trouble::Away => Self::Unavailable(source),
            Trouble::Full => Self::Full(source),
            Trouble::Refused => Self::Refused(source),
        }
    }
}

impl From<UnavailableError> for AppendError {
    fn from(error: UnavailableError) -> Self {
        Self::of(error.trouble(), error.into())
    }
}

impl From<PublishError> for AppendError {
    fn from(error: PublishError) -> Self {
        Self::of(trouble_of(&error), error.into())
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
        let spot = self.waiting.spot(envelope.subject(), &envelope.site);
        let place = envelope.event.unique_among();
        let message_id = envelope.event_id.to_string();
        match self.publish_after(previous_seq, &spot.subject, &place, message_id, payload.clone()).await {
            Ok(PublishAck { sequence: seq, duplicate: true, .. }) => Ok(Appended::AlreadyThere { seq }),
            Ok(PublishAck { sequence: seq, .. }) => {
                self.has_appended(seq, envelope.event_id);
                self.waiting.written(&spot, seq, &envelope.site);
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
