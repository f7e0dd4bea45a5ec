//! A discrepancy: one thing that the sweep found not to be as it is promised, and what becomes of it.

use hilum_blobs::Unfinished;
use hilum_events::{JobId, ReadingId};
use hilum_streams::{Advisory, AdvisoryKind, Try};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::Work;

/// The name under which the sweep parks what no consumer works on.
pub(crate) const SWEEP: &str = "sweep";

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An image was handed out to be deduplicated and neither claim nor link followed.
    ImageWithoutClaim,
    /// A reading was handed out to be made and no outcome followed.
    ReadingWithoutOutcome,
    /// An operator wanted work to be done again and nothing followed.
    RedriveWithoutEffect,
    /// A message that can't be read was handed out and not parked.
    UnreadableWithoutDeadLetter,
    /// A reading was claimed by a job whose image is not in the log.
    ClaimWithoutJob,
    /// The server stopped handing out a message and nobody kept its story.
    AdvisoryWithoutDeadLetter,
    /// A job is said to be dead-lettered and the entry is missing.
    DeadLetterWithoutEntry,
    /// An entry was written and the fact for its job was not.
    EntryWithoutDeadLetter,
    /// An object that no event names.
    ObjectWithoutEvent,
    /// An event whose image is missing or damaged.
    EventWithoutObject,
    /// A picture for people that is missing or damaged.
    LostPicture,
    /// A report's document that is missing or damaged.
    LostDocument,
    /// An object that the storage has and does not hand out.
    UnreadableObject,
    /// What a writer left behind that was ended in the middle.
    UnfinishedUpload,
    /// All images of a study have an outcome and no report covers them.
    StudyWithoutReport,
}

impl Kind {
    /// A stable word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImageWithoutClaim => "image_without_claim",
            Self::ReadingWithoutOutcome => "reading_without_outcome",
            Self::RedriveWithoutEffect => "redrive_without_effect",
            Self::UnreadableWithoutDeadLetter => "unreadable_without_dead_letter",
            Self::ClaimWithoutJob => "claim_without_job",
            Self::AdvisoryWithoutDeadLetter => "advisory_without_dead_letter",
            Self::DeadLetterWithoutEntry => "dead_letter_without_entry",
            Self::EntryWithoutDeadLetter => "entry_without_dead_letter",
            Self::ObjectWithoutEvent => "object_without_event",
            Self::EventWithoutObject => "event_without_object",
            Self::LostPicture => "lost_picture",
            Self::LostDocument => "lost_document",
            Self::UnreadableObject => "unreadable_object",
            Self::UnfinishedUpload => "unfinished_upload",
            Self::StudyWithoutReport => "study_without_report",
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What the sweep does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// The message is handed to its consumer once more.
    HandOutAgain,
    /// The message becomes a dead letter.
    Park,
    /// The dead letter's entry is written from the message.
    WriteAnew,
    /// What is unfinished is removed from storage.
    Remove,
    /// Nothing but saying so.
    Name,
}

impl Action {
    /// What was done, in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HandOutAgain => "handed out again",
            Self::Park => "parked",
            Self::WriteAnew => "written anew",
            Self::Remove => "removed",
            Self::Name => "named",
        }
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Something that is not as the promises say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Discrepancy {
    /// What is wrong.
    pub kind: Kind,
    /// Position in the event stream of the message in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// Its job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<JobId>,
    /// Its reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading_id: Option<ReadingId>,
    /// What becomes of it.
    pub action: Action,
    /// Sentence for people: what is wrong, and what to do if somebody has to.
    pub reason: String,
    /// The consumer that the message is handed to, or under whose name it is parked.
    #[serde(skip)]
    pub(crate) consumer: String,
    /// The story that is kept of it when it is parked.
    #[serde(skip)]
    pub(crate) tries: Vec<Try>,
    /// The open work, if that is what was found.
    #[serde(skip)]
    pub(crate) work: Option<Work>,
    /// What is to be removed, if that is what was found.
    #[serde(skip)]
    pub(crate) unfinished: Option<Box<Unfinished>>,
}

impl Discrepancy {
    /// Something to be said of no message in particular.
    pub(crate) fn named(kind: Kind, reason: String) -> Self {
        Self {
            kind,
            position: None,
            job_id: None,
            reading_id: None,
            action: Action::Name,
            reason,
            consumer: SWEEP.to_owned(),
            tries: Vec::new(),
            work: None,
            unfinished: None,
        }
    }

    /// The message at `position` is parked under the sweep's own name, at `now`.
    pub(crate) fn parked(kind: Kind, position: u64, now: Timestamp, reason: String) -> Self {
        let tries = vec![a_try(now, 1, &reason)];
        Self { position: Some(position), action: Action::Park, tries, ..Self::named(kind, reason) }
    }

    /// The message that the server gave up on is parked under the name of the consumer that had handed it out.
    pub(crate) fn never_answered(advisory: &Advisory) -> Self {
        let Advisory { consumer, deliveries, .. } = advisory;
        let reason = match advisory.kind {
            AdvisoryKind::MaxDeliveries => {
                format!("{deliveries} workers of {consumer} took it and none answered")
            }
            AdvisoryKind::Terminated => {
                format!("a worker of {consumer} ended it at delivery {deliveries} without keeping its story")
            }
        };
        Self {
            position: Some(advisory.stream_seq),
            action: Action::Park,
            consumer: consumer.clone(),
            tries: vec![a_try(advisory.at, *deliveries, &reason)],
            ..Self::named(Kind::AdvisoryWithoutDeadLetter, reason)
        }
    }

    /// Whether it stays as it is until somebody does something. An object without an event does not: nothing was
    /// promised of it and nothing misses it. What is unfinished is removed by itself.
    pub fn needs_somebody(&self) -> bool {
        self.action == Action::Name && !matches!(self.kind, Kind::ObjectWithoutEvent | Kind::UnfinishedUpload)
    }
}

/// One line of the story of a message.
pub(super) fn a_try(at: Timestamp, deliveries: u64, error: &str) -> Try {
    Try::ended(at, deliveries, vec![error.to_owned()])
}
