//! Dead letters: work that was given up, its story, and what became of it.

use std::collections::BTreeMap;

use hilum_events::{DeliveryTarget, EventId, JobId, ReadingId, Site, StudyId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// What became of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LetterState {
    /// Nobody decided yet.
    Open,
    /// It is tried once more.
    Redriven,
    /// It is not tried again.
    Discarded,
}

impl LetterState {
    /// The word of the API and of the tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Redriven => "redriven",
            Self::Discarded => "discarded",
        }
    }
}

/// Which dead letters are listed, by their state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LetterFilter {
    /// Those that nobody has decided about.
    #[default]
    Open,
    /// Those that are tried once more.
    Redriven,
    /// Those that are not tried again.
    Discarded,
    /// All of them.
    All,
}

impl LetterFilter {
    /// The state that is asked for; `None` for any.
    pub fn state(self) -> Option<LetterState> {
        match self {
            Self::Open => Some(LetterState::Open),
            Self::Redriven => Some(LetterState::Redriven),
            Self::Discarded => Some(LetterState::Discarded),
            Self::All => None,
        }
    }

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        self.state().map_or("all", LetterState::as_str)
    }
}

/// Work that was given up, and what was decided about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetter {
    /// Position of the event that records it.
    #[schema(minimum = 1)]
    pub id: u64,
    /// The job, unless the work was a delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<JobId>,
    /// The study, if the work was a delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub study_id: Option<StudyId>,
    /// What was to be delivered, such as `report-2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("report-2"))]
    pub matter: Option<String>,
    /// Where to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<DeliveryTarget>,
    /// Which round of tries of the delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Set when the work was a reading: all jobs that share it share the fate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading_id: Option<ReadingId>,
    /// Where it came from.
    pub site: Site,
    /// The service that gave up.
    pub service: String,
    /// The durable consumer of that service.
    pub consumer: String,
    /// Position of the message that it gave up on.
    pub stream_seq: u64,
    /// How often the message was handed out.
    pub tries: u64,
    /// For people: why.
    pub reason: String,
    /// When it gave up.
    pub at: Timestamp,
    /// What became of it.
    pub state: LetterState,
    /// The operator who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<String>,
    /// The operator's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_why: Option<String>,
    /// When that was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
}

/// A page of dead letters, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterList {
    /// The dead letters.
    pub dead_letters: Vec<DeadLetter>,
    /// Give it as `after` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// Messages of the log that this release can't read; they may be about more.
    pub unreadable: u64,
}

/// The whole story of a dead letter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterStory {
    /// The dead letter.
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// What was kept of the message; absent if it can't be found any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<ParkedMessage>,
    /// Ids of earlier dead letters of the job or of the delivery, oldest first.
    pub earlier: Vec<u64>,
}

/// A message that was given up, as the dead-letter stream keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ParkedMessage {
    /// Where the message stands in the log.
    pub subject: String,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// Length of its payload, bytes.
    pub payload_size: usize,
    /// The event, if this release can read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<LoggedEvent>,
    /// Else the message's bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_base64: Option<String>,
    /// And why they can't be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// Oldest first.
    pub tries: Vec<Try>,
    /// W3C trace id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Of the service that gave up.
    pub service_version: String,
    /// When it was kept.
    pub parked_at: Timestamp,
}

/// An event as JSON, for people who look into the log. Programs read the CBOR form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LoggedEvent {
    /// The event that it follows from; null for the first of a story.
    #[schema(required)]
    pub causation_id: Option<Uuid>,
    /// The story that it is part of.
    pub correlation_id: Uuid,
    /// Its id.
    pub event_id: EventId,
    /// Name of the event.
    #[schema(examples("inference-requested"))]
    pub name: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What it records, in the form of the event's own type.
    #[schema(value_type = Object)]
    pub payload: Value,
    /// Where its story came from.
    pub site: Site,
}

/// A try of what was given up in the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Try {
    /// When it failed.
    pub at: Timestamp,
    /// 1, and one more for each worker before that never answered.
    pub deliveries: u64,
    /// The error and its causes, outermost first.
    pub errors: Vec<String>,
    /// Of the service that tried.
    pub service_version: String,
    /// How often in a row it failed so; absent for once.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u64,
}

fn once() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_once(times: &u64) -> bool {
    *times == 1
}
