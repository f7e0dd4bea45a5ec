//! The CBOR form of a fact, and the upgrade of old versions on read.
//!
//! Bytes once written are never rewritten. A reader meets every version ever released: old ones are upgraded
//! here, in one chain per event, unknown ones are an error that names them, so that the reader can park them.

use ciborium::Value;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::Event;
use crate::ids::{EventId, Site};
use crate::subject::lane_of;

/// Longest event that is read, bytes; deeper nesting than `MAX_DEPTH` is refused too.
const MAX_BYTES: usize = 1 << 20;
const MAX_DEPTH: usize = 32;

/// The kinds of events that this release knows, in some version.
const KINDS: [&str; 16] = [
    "image-stored",
    "inference-requested",
    "duplicate-linked",
    "inference-completed",
    "inference-failed",
    "job-dead-lettered",
    "dead-letter-resolved",
    "study-close-requested",
    "study-manifest-received",
    "study-flagged",
    "report-issued",
    "report-delivered",
    "delivery-failed",
    "delivery-resolved",
    "log-loss-accepted",
    "image-taken-out",
];

/// A fact with what is common to all facts.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// Follows from the cause, so a retry has the same.
    pub event_id: EventId,
    /// Whose the job or the study is that the fact is about.
    pub site: Site,
    /// The same for all facts that one upload (or one study's closing) led to.
    pub correlation_id: Uuid,
    /// The fact that led to this one; `None` at the door.
    pub causation_id: Option<EventId>,
    /// When it happened, by the clock of the machine that says so, which may be wrong: evidence. What is decided by time is
    /// decided by when the log took the facts (ADR 0033).
    pub occurred_at: Timestamp,
    /// The fact.
    pub event: Event,
}

impl Envelope {
    /// A fact that begins a story: `origin` is the job's or the request's id.
    pub fn first(origin: Uuid, site: Site, occurred_at: Timestamp, event: Event) -> Self {
        Self {
            event_id: EventId::following(origin, &event.subject(&site)),
            site,
            correlation_id: origin,
            causation_id: None,
            occurred_at,
            event,
        }
    }

    /// A fact that follows from this one, about something of the same site.
    pub fn next(&self, occurred_at: Timestamp, event: Event) -> Self {
        self.next_at(&self.site, occurred_at, event)
    }

    /// A fact that follows from this one, about a job or study of `site`: a fact has the site of what it is about, not of
    /// what led to it.
    pub fn next_at(&self, site: &Site, occurred_at: Timestamp, event: Event) -> Self {
        Self {
            event_id: EventId::following(self.event_id.as_uuid(), &event.subject(site)),
            site: site.clone(),
            correlation_id: self.correlation_id,
            causation_id: Some(self.event_id),
            occurred_at,
            event,
        }
    }

    /// Where the fact stands in the log.
    pub fn subject(&self) -> String {
        self.event.subject(&self.site)
    }

    /// The CBOR bytes.
    pub fn encode(&self) -> Vec<u8> {
        let wire = Wire {
            event_id: self.event_id,
            name: self.event.name().to_owned(),
            version: self.event.version(),
            site: self.site.clone(),
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            occurred_at: self.occurred_at,
            payload: payload_value(&self.event),
            must_understand: self.event.must_understand(),
        };
        let mut bytes = Vec::new();
        ciborium::into_writer(&wire, &mut bytes)
            .expect("writing to memory does not fail and the types have CBOR forms");
        bytes
    }

    /// Reads the bytes that stand under `subject`, of any released version.
    ///
    /// # Errors
    /// As [`Envelope::decode`]; the fact's own subject is another one.
    pub fn decode_at(subject: &str, bytes: &[u8]) -> Result<Self, DecodeError> {
        let envelope = Self::decode(bytes)?;
        let belongs = envelope.subject();
        if belongs == lane_of(subject).0 { Ok(envelope) } else { Err(DecodeError::Misplaced { belongs }) }
    }

    /// Reads bytes of any released version.
    ///
    /// # Errors
    /// Says which event and version is not known, or what is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > MAX_BYTES {
            return Err(DecodeError::TooLong { size_bytes: bytes.len() });
        }
        let wire: Wire = ciborium::de::from_reader_with_recursion_limit(bytes, MAX_DEPTH)
            .map_err(|source| DecodeError::NotAnEnvelope { detail: source.to_string() })?;
        let event = upgrade(&wire.name, wire.version, wire.payload).map_err(|error| match error {
            DecodeError::Unknown { name, version, .. } => {
                DecodeError::Unknown { name, version, must_understand: wire.must_understand }
            }
            other => other,
        })?;
        Ok(Self {
            event_id: wire.event_id,
            site: wire.site,
            correlation_id: wire.correlation_id,
            causation_id: wire.causation_id,
            occurred_at: wire.occurred_at,
            event,
        })
    }
}

/// Bytes that are not an event we know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than any event.
    #[error("message of {size_bytes} bytes is longer than an event can be")]
    TooLong {
        /// Its length.
        size_bytes: usize,
    },
    /// Not CBOR, or not our envelope.
    #[error("message is not an event envelope: {detail}")]
    NotAnEnvelope {
        /// What the reader said.
        detail: String,
    },
    /// Written by a newer release.
    #[error("event {name} version {version} is not known to this release; upgrade it")]
    Unknown {
        /// Event name.
        name: String,
        /// Event version.
        version: u32,
        /// Whoever passes it by would misread the facts around it.
        must_understand: bool,
    },
    /// It is a fact, under a subject that is another fact's: what was asked for by subject would get the other's.
    #[error("the fact of this message belongs under {belongs}")]
    Misplaced {
        /// The subject of the fact.
        belongs: String,
    },
    /// Name and version are known but the fields do not fit.
    #[error("event {name} version {version} has a field that does not fit: {detail}")]
    BadPayload {
        /// Event name.
        name: String,
        /// Event version.
        version: u32,
        /// What the reader said.
        detail: String,
    },
}

impl DecodeError {
    /// Whether a reader that takes nothing from the kinds `unread` can pass this fact by: it is of one of them, or of a
    /// kind that its release does not know, and who wrote it did not forbid that.
    pub fn can_be_passed_by(&self, unread: &[&str]) -> bool {
        let Self::Unknown { name, must_understand, .. } = self else { return false };
        !must_understand && (unread.contains(&name.as_str()) || !KINDS.contains(&name.as_str()))
    }
}

impl Event {
    /// Whether a reader that does not know this event would misread the facts around it, and has to stop. To be said of new
    /// kinds and versions that change what others mean: a report that tells of an image which was taken out is wrong.
    pub fn must_understand(&self) -> bool {
        matches!(self, Self::ImageTakenOut(_))
    }

    /// The version in which this release writes the event.
    pub fn version(&self) -> u32 {
        match self {
            Self::ReportIssued(_) => 3,
            Self::ImageStored(_) | Self::InferenceRequested(_) | Self::InferenceCompleted(_) => 2,
            _ => 1,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Wire {
    event_id: EventId,
    name: String,
    version: u32,
    site: Site,
    correlation_id: Uuid,
    causation_id: Option<EventId>,
    occurred_at: Timestamp,
    payload: Value,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    must_understand: bool,
}

fn payload_value(event: &Event) -> Value {
    let value = match event {
        Event::ImageStored(e) => Value::serialized(e),
        Event::InferenceRequested(e) => Value::serialized(e),
        Event::DuplicateLinked(e) => Value::serialized(e),
        Event::InferenceCompleted(e) => Value::serialized(e),
        Event::InferenceFailed(e) => Value::serialized(e),
        Event::JobDeadLettered(e) => Value::serialized(e),
        Event::DeadLetterResolved(e) => Value::serialized(e),
        Event::StudyCloseRequested(e) => Value::serialized(e),
        Event::StudyManifestReceived(e) => Value::serialized(e),
        Event::StudyFlagged(e) => Value::serialized(e),
        Event::ReportIssued(e) => Value::serialized(e),
        Event::ReportDelivered(e) => Value::serialized(e),
        Event::DeliveryFailed(e) => Value::serialized(e),
        Event::DeliveryResolved(e) => Value::serialized(e),
        Event::LogLossAccepted(e) => Value::serialized(e),
        Event::ImageTakenOut(e) => Value::serialized(e),
    };
    value.expect("payloads are plain structs with CBOR forms")
}

fn upgrade(name: &str, version: u32, payload: Value) -> Result<Event, DecodeError> {
    match (name, version) {
        // What version 2 added is empty in version 1.
        ("image-stored", 1 | 2) => read(name, version, &payload).map(Event::ImageStored),
        // Version 2 says no more than version 1, but may stand in a lane.
        ("inference-requested", 1 | 2) => read(name, version, &payload).map(Event::InferenceRequested),
        ("duplicate-linked", 1) => read(name, version, &payload).map(Event::DuplicateLinked),
        // What version 2 added is empty in version 1.
        ("inference-completed", 1 | 2) => read(name, version, &payload).map(Event::InferenceCompleted),
        ("inference-failed", 1) => read(name, version, &payload).map(Event::InferenceFailed),
        ("job-dead-lettered", 1) => read(name, version, &payload).map(Event::JobDeadLettered),
        ("dead-letter-resolved", 1) => read(name, version, &payload).map(Event::DeadLetterResolved),
        ("study-close-requested", 1) => read(name, version, &payload).map(Event::StudyCloseRequested),
        ("study-manifest-received", 1) => read(name, version, &payload).map(Event::StudyManifestReceived),
        ("study-flagged", 1) => read(name, version, &payload).map(Event::StudyFlagged),
        ("report-delivered", 1) => read(name, version, &payload).map(Event::ReportDelivered),
        ("delivery-failed", 1) => read(name, version, &payload).map(Event::DeliveryFailed),
        ("delivery-resolved", 1) => read(name, version, &payload).map(Event::DeliveryResolved),
        ("image-taken-out", 1) => read(name, version, &payload).map(Event::ImageTakenOut),
        ("log-loss-accepted", 1) => read(name, version, &payload).map(Event::LogLossAccepted),
        // Version 1 always names a page, version 2 none; the pictures that version 2 added are empty in version 1.
        // Reports before version 3 were complete.
        ("report-issued", 1..=3) => read(name, version, &payload).map(Event::ReportIssued),
        _ => Err(DecodeError::Unknown { name: name.to_owned(), version, must_understand: false }),
    }
}

fn read<T: DeserializeOwned>(name: &str, version: u32, payload: &Value) -> Result<T, DecodeError> {
    payload.deserialized().map_err(|source| DecodeError::BadPayload {
        name: name.to_owned(),
        version,
        detail: source.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::one_of_each;

    #[test]
    fn every_kind_is_known() {
        assert!(one_of_each().iter().map(|envelope| envelope.event.name()).eq(KINDS));
    }
}
