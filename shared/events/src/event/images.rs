//! What becomes of an image: stored, claimed, read, given up, decided about.

use serde::{Deserialize, Serialize};

use super::source::ImageSource;
use crate::ids::{JobId, ReadingId, SeriesName, Sha256Digest, StudyId, StudyRef};
use crate::image::{DicomIdentity, MediaType};
use crate::reading::{
    ActivationMap, AnalysedRegion, EngineIdentity, Finding, ModelIdentity, Notice, ReaderIdentity,
    ReadingTimes,
};

/// How soon a reading is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// At once; overtakes routine.
    Stat,
    /// In turn.
    #[default]
    Routine,
}

impl Priority {
    /// The token used in subjects and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::Routine => "routine",
        }
    }
}

/// An object in storage, with what is needed to verify it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// Path within the object store.
    pub key: String,
    /// SHA-256 of the bytes.
    pub sha256: Sha256Digest,
    /// Length in bytes.
    pub size_bytes: u64,
}

/// An image in storage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredImage {
    /// Where the bytes are.
    pub blob: BlobRef,
    /// Told by the first bytes.
    pub media_type: MediaType,
    /// Set for DICOM.
    pub dicom: Option<DicomIdentity>,
}

/// An image was taken in and is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageStored {
    /// The upload.
    pub job_id: JobId,
    /// The study it belongs to.
    pub study_id: StudyId,
    /// The sender's name for the study, when it gave one.
    pub study_ref: Option<StudyRef>,
    /// The image.
    pub image: StoredImage,
    /// How soon it is wanted.
    pub priority: Priority,
    /// The site's names for the series that this image belongs to, told by its rules from the header. Since version 2.
    #[serde(default)]
    pub series: Vec<SeriesName>,
    /// How many images the sender says its study has. Since version 2.
    #[serde(default)]
    pub expected_images: Option<u32>,
    /// An earlier study of the same patient, as the sender says. Since version 2.
    #[serde(default)]
    pub prior_study_id: Option<StudyId>,
    /// How it came in. Left out by releases that knew one way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ImageSource>,
}

/// Somebody took an image out of its study again: it is of somebody else, or should not be there. Its reading stands as that
/// of its job. Once for each job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageTakenOut {
    /// The upload.
    pub job_id: JobId,
    /// The study that it is no longer of.
    pub study_id: StudyId,
    /// The operator who decided it.
    pub by: String,
    /// Why.
    pub why: String,
}

/// A job was the first with its content and model: the content is to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InferenceRequested {
    /// The reading to make.
    pub reading_id: ReadingId,
    /// The job that claimed it.
    pub job_id: JobId,
    /// The study of that job.
    pub study_id: StudyId,
    /// The image to read.
    pub image: StoredImage,
    /// The model to read it with.
    pub model: ModelIdentity,
    /// How soon it is wanted.
    pub priority: Priority,
    /// 1 for the first request, one more with each redrive and when the reading is wanted sooner.
    pub attempt: u32,
    /// Who was hoped to read what an earlier release or earlier rules could not, when that is why it was asked for again:
    /// nobody is asked twice for that. Left out otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried_for: Option<ReaderIdentity>,
}

/// A job has content that another job claimed before; it shares that reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateLinked {
    /// The later job.
    pub job_id: JobId,
    /// Its study.
    pub study_id: StudyId,
    /// The shared reading.
    pub reading_id: ReadingId,
    /// The job that claimed the reading.
    pub primary_job_id: JobId,
}

/// A reading was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InferenceCompleted {
    /// The reading.
    pub reading_id: ReadingId,
    /// The job that claimed it.
    pub job_id: JobId,
    /// All labels, in the model's order.
    pub findings: Vec<Finding>,
    /// Maps of the top labels, highest logit first; empty when the engine gives none.
    pub activation_maps: Vec<ActivationMap>,
    /// What the model saw.
    pub region: AnalysedRegion,
    /// SHA-256 of the decoded pixels.
    pub pixel_digest: Sha256Digest,
    /// The model.
    pub model: ModelIdentity,
    /// The engine.
    pub engine: EngineIdentity,
    /// Where the time went.
    pub times: ReadingTimes,
    /// What to bear in mind about the image. Since version 2.
    #[serde(default)]
    pub notices: Vec<Notice>,
    /// The reading of the same pixels in another file whose findings these are; `None` when the model was asked.
    /// Since version 2.
    #[serde(default)]
    pub reused_from: Option<ReadingId>,
    /// The image for people: a grey PNG of at most 512 pixels a side. Since version 2.
    #[serde(default)]
    pub preview: Option<BlobRef>,
}

/// A reading can't be made of this image: the reader that said so would say it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InferenceFailed {
    /// The reading.
    pub reading_id: ReadingId,
    /// The job that claimed it.
    pub job_id: JobId,
    /// Which attempt failed.
    pub attempt: u32,
    /// Stable word for programs, such as `truncated`.
    pub code: String,
    /// Sentence for people: what is wrong and what to do.
    pub reason: String,
    /// Who says so. Left out by the first releases, which count as earlier than all that say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<ReaderIdentity>,
}

/// Work on a job was given up; its story is in the dead-letter stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobDeadLettered {
    /// The job.
    pub job_id: JobId,
    /// Its reading, if the failed step was the reading: jobs linked to it share the fate.
    pub reading_id: Option<ReadingId>,
    /// The consumer that gave up.
    pub consumer: String,
    /// Position in the event stream of the message it gave up on.
    pub stream_seq: u64,
    /// How often the message was delivered.
    pub deliveries: u64,
    /// Sentence for people.
    pub reason: String,
}

/// What an operator decided about a dead letter or a failed reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The work is to be tried once more, as a new attempt.
    Redrive,
    /// The work is not to be tried again; the job or the delivery stays failed.
    Discard,
}

/// An operator decided what becomes of a dead letter, or that a reading that failed is tried again (ADR 0030). Decided
/// once for each: what fails again after a redrive is another dead letter or failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterResolved {
    /// The job that was given up, or that had asked for the reading.
    pub job_id: JobId,
    /// Its reading, if the failed step was the reading.
    pub reading_id: Option<ReadingId>,
    /// The consumer that gave up, or that had handed out the request.
    pub consumer: String,
    /// Position in the event stream of the message it gave up on; of the request, if the reading failed.
    pub stream_seq: u64,
    /// The decision.
    pub resolution: Resolution,
    /// The operator who decided.
    pub by: String,
    /// Why.
    pub why: String,
}
