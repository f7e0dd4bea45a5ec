//! The document of a report, `hilum-report/1`: all that any other form of it says. Fields are only ever added under this
//! format name; anything else gets a new one. What it says follows from the log and, where a reading kept no picture,
//! from the stored file: two copies of the service make the same bytes.

mod comparison;
mod completeness;
mod doubt;
mod flag;
mod image;
mod json;
mod local_time;

use std::collections::BTreeSet;

use hilum_events::{
    BlobRef, EngineIdentity, EventId, JobId, ModelIdentity, ReportCause, Sha256Digest, Site, StudyId,
    StudyRef,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use comparison::{ComparedFinding, Comparison};
pub use completeness::{Completeness, Missing};
pub use doubt::{Doubt, DoubtCode, HeaderField};
pub use flag::FlagEntry;
pub use hilum_events::untrained::IN_DOCUMENTS as UNTRAINED_NOTICE;
pub use image::{ImageEntry, ImageStatus, ModelKey, ReadingEntry};
pub use json::ReadError;
pub use local_time::{OffsetEntry, TimeZoneEntry};

/// The value of [`Report::format`].
pub const FORMAT: &str = "hilum-report/1";
/// Stands on every report.
pub const DISCLAIMER: &str = "For research use only. Not a diagnosis.";

/// A revision of a study's report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// `hilum-report/1`.
    pub format: String,
    /// What the report is not.
    pub disclaimer: String,
    /// The study.
    pub study_id: StudyId,
    /// The sender's name for the study, when it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub study_ref: Option<StudyRef>,
    /// Where the study came from.
    pub site: Site,
    /// The site's time zone when the report was issued, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZoneEntry>,
    /// 1 for the first.
    pub revision: u32,
    /// The time whose state the report gives: when the newest fact in it was recorded or, if that is later and the reason for
    /// the report, when the site's time limit was over.
    pub as_of: Timestamp,
    /// Why it was issued when it was.
    pub cause: ReportCause,
    /// Counts over all images.
    pub summary: Summary,
    /// Whether all that was expected of the study is in it, when something was expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completeness: Option<Completeness>,
    /// The doubts about whose the images are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Doubt>,
    /// The flags that rules of the site gave the study.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<FlagEntry>,
    /// What differs from the revision before; empty in the first.
    pub changes: Vec<ChangeEntry>,
    /// The numbers beside those of an earlier study, when one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// The models that made the readings; more than one when the model was replaced meanwhile.
    pub models: Vec<ModelEntry>,
    /// All images, in the order they came.
    pub images: Vec<ImageEntry>,
    /// What the report was made of.
    pub provenance: Provenance,
}

/// Counts over the images of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// All images.
    pub images: u32,
    /// Images with a reading.
    pub completed: u32,
    /// Images without one, for good.
    pub failed: u32,
    /// Images that share the reading of another job; they are counted above too.
    pub duplicates: u32,
}

impl Summary {
    /// Images that had no outcome yet.
    pub fn pending(&self) -> u32 {
        self.images.saturating_sub(self.completed.saturating_add(self.failed))
    }
}

/// One difference from the revision before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeEntry {
    /// The image's job.
    pub job_id: JobId,
    /// How it differs.
    pub change: ChangeKind,
}

/// How an image differs from the revision before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeKind {
    /// It is new.
    #[serde(rename = "added")]
    Added,
    /// It has another outcome.
    #[serde(rename = "outcome changed")]
    OutcomeChanged,
}

/// A model and what ran it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelEntry {
    /// The model.
    #[serde(flatten)]
    pub identity: ModelIdentity,
    /// What to know before its numbers are looked at: set when it was not trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<String>,
    /// The engines that ran it.
    pub engines: Vec<EngineIdentity>,
}

/// What a report was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The event that caused it: the newest of `events`.
    pub cause_event_id: EventId,
    /// The revision before, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_revision: Option<u32>,
    /// The document of the revision before. Documents of earlier releases do not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_document: Option<BlobRef>,
    /// All events used, in the order of the log.
    pub events: Vec<EventEntry>,
    /// The stored objects of the images, each once, by SHA-256.
    pub objects: Vec<ObjectEntry>,
}

/// An event that a report was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventEntry {
    /// Position in the event stream.
    pub stream_seq: u64,
    /// The event.
    pub event_id: EventId,
    /// Its name, such as `image-stored`.
    pub name: String,
    /// When it was recorded.
    pub stored_at: Timestamp,
}

/// A stored object that a report was made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectEntry {
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
    /// Its path in object storage.
    pub key: String,
}

impl Report {
    /// The sender's name of the study, or else its id.
    pub fn study_name(&self) -> String {
        self.study_ref.as_ref().map_or_else(|| self.study_id.to_string(), ToString::to_string)
    }

    /// Whether any of the numbers come from a network that was not trained.
    pub fn is_untrained(&self) -> bool {
        self.models.iter().any(|model| !model.identity.trained)
    }

    /// The number under which forms show the image of a job: its place among the images, from 1.
    pub fn number_of(&self, job_id: JobId) -> Option<usize> {
        self.images.iter().position(|image| image.job_id == job_id).map(|index| index + 1)
    }

    /// The pictures of the first `images` images, each once, in the order of the images.
    pub fn previews(&self, images: usize) -> Vec<&BlobRef> {
        let mut seen = BTreeSet::new();
        let previews = self.images.iter().take(images).filter_map(|image| image.preview.as_ref());
        previews.filter(|preview| seen.insert(preview.sha256)).collect()
    }
}
