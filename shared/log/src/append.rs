//! Appending a fact: at most once per place, however often and however late it is tried.
//!
//! The place is a subject (or, for a claim, a filter over subjects) and the condition is that nothing stands
//! there. A lost acknowledgement leaves the caller not knowing; the next try is then refused by the server, and
//! reading what stands there tells whether it is this very fact.

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use hilum_events::Envelope;

use crate::connection::{Log, UnavailableError};
use crate::recorded::{Recorded, inject_trace};
use crate::retry::{Attempts, retry};

const EXPECTED_LAST_SUBJECT_FILTER: &str = "Nats-Expected-Last-Subject-Sequence-Subject";

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
    /// The server is away or did not acknowledge; trying again is safe.
    #[error("cannot append to the event log")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Log {
    /// Appends the fact and waits until it is durable.
    ///
    /// # Errors
    /// [`AppendError::Taken`] when another fact stands in its place; [`AppendError::Unavailable`] when the
    /// server stayed away for [`Attempts::BRIEF`].
    pub async fn append(&self, envelope: &Envelope) -> Result<Appended, AppendError> {
        let is_transient = |error: &AppendError| matches!(error, AppendError::Unavailable(_));
        retry(Attempts::BRIEF, is_transient, || self.append_once(envelope)).await
    }

    async fn append_once(&self, envelope: &Envelope) -> Result<Appended, AppendError> {
        if !self.is_connected() {
            // A publish would be kept by the client and sent later, after we said that it failed.
            return Err(AppendError::Unavailable("not connected to the NATS server".into()));
        }
        let subject = envelope.subject();
        let place = envelope.event.unique_among(&envelope.site);
        match self.publish_if_free(&subject, &place, envelope).await {
            Ok(PublishAck { sequence: seq, duplicate: true, .. }) => Ok(Appended::AlreadyThere { seq }),
            Ok(PublishAck { sequence: seq, .. }) => Ok(Appended::New { seq }),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => {
                self.who_has(&place, envelope).await
            }
            Err(error) => Err(AppendError::Unavailable(error.into())),
        }
    }

    async fn publish_if_free(
        &self,
        subject: &str,
        place: &str,
        envelope: &Envelope,
    ) -> Result<PublishAck, PublishError> {
        let mut headers = async_nats::HeaderMap::new();
        inject_trace(&mut headers);
        if place != subject {
            headers.insert(EXPECTED_LAST_SUBJECT_FILTER, place);
        }
        let message = PublishMessage::build()
            .payload(envelope.encode().into())
            .headers(headers)
            .message_id(envelope.event_id.to_string())
            .expected_last_subject_sequence(0);
        self.context.send_publish(subject.to_owned(), message).await?.await
    }

    async fn who_has(&self, place: &str, envelope: &Envelope) -> Result<Appended, AppendError> {
        let found = self.last(place).await.map_err(|error| AppendError::Unavailable(error.into()))?;
        match found {
            Some(recorded) if recorded.envelope().is_some_and(|e| e.event_id == envelope.event_id) => {
                Ok(Appended::AlreadyThere { seq: recorded.seq })
            }
            Some(recorded) => Err(AppendError::Taken(Box::new(recorded))),
            None => {
                let gone: UnavailableError = UnavailableError::new("find what the server says is there")(
                    "the event log answered in two ways",
                );
                Err(AppendError::Unavailable(gone.into()))
            }
        }
    }
}
