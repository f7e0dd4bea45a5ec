//! The machine-readable form of a report, `hilum-report/1`. Fields are only ever added under this format name;
//! anything else gets a new one. Its bytes follow from the log alone: two copies of the service make the same.

use hilum_events::{
    ActivationMap, AnalysedRegion, DicomIdentity, EngineIdentity, EventId, Finding, JobId, MediaType,
    ModelIdentity, Notice, ReadingId, ReadingTimes, ReportCause, Sha256Digest, Site, StudyId, StudyRef,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The value of [`Report::format`].
pub const FORMAT: &str = "hilum-report/1";
/// Stands on every report.
pub const DISCLAIMER: &str = "For research use only. Not a diagnosis.";
/// Stands beside every model that was not trained.
pub const UNTRAINED_NOTICE: &str = "UNTRAINED demonstration network: these numbers mean nothing";

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
    /// 1 for the first.
    pub revision: u32,
    /// The report says how things stood at this time: when the newest fact in it was recorded.
    pub as_of: Timestamp,
    /// Why it was issued when it was.
    pub cause: ReportCause,
    /// Counts over all images.
    pub summary: Summary,
    /// What differs from the revision before; empty in the first.
    pub changes: Vec<ChangeEntry>,
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

/// How an image ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageStatus {
    /// It has a reading.
    Completed,
    /// It has none.
    Failed,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageEntry {
    /// The upload.
    pub job_id: JobId,
    /// When its arrival was recorded.
    pub received_at: Timestamp,
    /// File type.
    pub media_type: MediaType,
    /// Identifiers, for DICOM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dicom: Option<DicomIdentity>,
    /// SHA-256 of the file.
    pub sha256: Sha256Digest,
    /// Length of the file, bytes.
    pub size_bytes: u64,
    /// How it ended.
    pub status: ImageStatus,
    /// The job that brought the same content first and whose reading it shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<JobId>,
    /// The reading it has or shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading_id: Option<ReadingId>,
    /// Stable word for programs, when it failed: such as `truncated`, or `dead_lettered`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
    /// What went wrong, for people, when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What can be done about it, when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what_to_do: Option<String>,
    /// What the model said, when it completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<ReadingEntry>,
}

/// What a model said of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadingEntry {
    /// Name, version and weights of the model, to find it among the report's models.
    pub model: ModelKey,
    /// False when its numbers mean nothing.
    pub trained: bool,
    /// What ran it.
    pub engine: EngineIdentity,
    /// Labels with the highest scores, highest first; three at most.
    pub top_findings: Vec<String>,
    /// All labels, in the model's order.
    pub findings: Vec<Finding>,
    /// Where in the picture the logits of the top labels come from: row-major values whose mean plus the
    /// label's bias is its logit.
    pub activation_maps: Vec<ActivationMap>,
    /// The square of the picture that the model saw, in pixels of the picture.
    pub region: AnalysedRegion,
    /// SHA-256 of the decoded pixels.
    pub pixel_digest: Sha256Digest,
    /// Where the time of the reading went.
    pub times: ReadingTimes,
    /// What to bear in mind about the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// The reading of the same pixels in another file whose findings these are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused_from: Option<ReadingId>,
}

/// Enough of a model's identity to tell it from all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelKey {
    /// Model name.
    pub name: String,
    /// Model version.
    pub version: String,
    /// SHA-256 of the weights file.
    pub weights_sha256: Sha256Digest,
    /// Which preprocessing.
    pub preprocessing_id: String,
}

/// What a report was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The event that caused it: the newest of `events`.
    pub cause_event_id: EventId,
    /// The revision before, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_revision: Option<u32>,
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

impl ModelKey {
    /// The key of a model.
    pub fn of(model: &ModelIdentity) -> Self {
        Self {
            name: model.name.clone(),
            version: model.version.clone(),
            weights_sha256: model.weights_sha256,
            preprocessing_id: model.preprocessing_id.clone(),
        }
    }
}

impl Report {
    /// The bytes that are stored: indented JSON, fields in the order of these types.
    ///
    /// # Errors
    /// Only when a type here has no JSON form.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The sender's name of the study, or else its id.
    pub fn study_name(&self) -> String {
        self.study_ref.as_ref().map_or_else(|| self.study_id.to_string(), ToString::to_string)
    }

    /// Whether any of the numbers come from a network that was not trained.
    pub fn is_untrained(&self) -> bool {
        self.models.iter().any(|model| !model.identity.trained)
    }
}

impl ReadingEntry {
    /// The findings, highest score first; labels without an operating point last, most probable first.
    pub fn ranked(&self) -> Vec<&Finding> {
        let mut ranked: Vec<&Finding> = self.findings.iter().collect();
        ranked.sort_by(|a, b| {
            let key = |finding: &Finding| finding.operating_point_score.unwrap_or(-1.0);
            key(b).total_cmp(&key(a)).then(b.probability.total_cmp(&a.probability))
        });
        ranked
    }

    /// The map to show: that of the highest-ranked label that has one.
    pub fn top_map(&self) -> Option<&ActivationMap> {
        self.ranked()
            .into_iter()
            .find_map(|finding| self.activation_maps.iter().find(|map| map.label == finding.label))
    }
}
