//! The facts, newest version of each. What they may carry is decided here: identifiers, hashes, numbers and
//! sentences of our own; never text from a DICOM header and nothing that tells who the patient is.

use serde::{Deserialize, Serialize};

use crate::ids::{JobId, ReadingId, Sha256Digest, Site, StudyId, StudyRef};
use crate::image::{DicomIdentity, MediaType};

/// How soon a reading is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
}

/// What makes two readings of the same bytes comparable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// Model name.
    pub name: String,
    /// Model version.
    pub version: String,
    /// SHA-256 of the weights file.
    pub weights_sha256: Sha256Digest,
    /// Which preprocessing, see `shared/imaging`.
    pub preprocessing_id: String,
    /// False for the demonstration network, whose outputs mean nothing.
    pub trained: bool,
}

/// A job was the first with its content and model: the content shall be read.
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
    /// 1 for the first request, one more with each redrive.
    pub attempt: u32,
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

/// What the model says of one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The model's name for it.
    pub label: String,
    /// The network's raw output.
    pub logit: f32,
    /// `1 / (1 + exp(-logit))`, 0 to 1.
    pub probability: f32,
    /// Piecewise linear in the probability, 0.5 at the label's operating point, 0 to 1; `None` if the model
    /// has no threshold for the label.
    pub operating_point_score: Option<f32>,
}

/// Where in the picture a label's logit comes from: its mean plus the label's bias is the logit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivationMap {
    /// The label.
    pub label: String,
    /// Rows of the map.
    pub rows: u32,
    /// Columns of the map.
    pub columns: u32,
    /// Row-major values.
    pub values: Vec<f32>,
}

/// The square of the original picture that the model saw; pixels outside were not analysed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalysedRegion {
    /// Width of the whole picture, pixels.
    pub picture_width: u32,
    /// Height of the whole picture, pixels.
    pub picture_height: u32,
    /// Left edge of the square, pixels.
    pub x: u32,
    /// Top edge of the square, pixels.
    pub y: u32,
    /// Side of the square, pixels.
    pub side: u32,
}

/// What computed a reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineIdentity {
    /// Such as `tch`.
    pub engine: String,
    /// Version of the engine.
    pub version: String,
    /// Such as `fp32`.
    pub precision: String,
    /// Such as `cpu`.
    pub device: String,
}

/// Where the time of a reading went, milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadingTimes {
    /// Fetching and verifying the object.
    pub fetch_ms: f32,
    /// Bytes to pixels.
    pub decode_ms: f32,
    /// Pixels to model input.
    pub preprocess_ms: f32,
    /// Waiting for a batch and running it.
    pub forward_ms: f32,
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
}

/// A reading can't be made of this image, and trying again would not help.
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

/// Somebody said that no more images of a study will come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudyCloseRequested {
    /// The study.
    pub study_id: StudyId,
    /// Tells one request from the next.
    pub request_id: uuid::Uuid,
}

/// Why a report was issued when it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportCause {
    /// All known images had an outcome and nothing new came for the quiet time.
    QuietTime,
    /// All known images had an outcome and the sender had closed the study.
    Closed,
}

/// A revision of a study's report was issued and is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportIssued {
    /// The study.
    pub study_id: StudyId,
    /// 1 for the first; each later one names what changed.
    pub revision: u32,
    /// Why now.
    pub cause: ReportCause,
    /// Machine-readable form.
    pub json: BlobRef,
    /// Page for people.
    pub html: BlobRef,
    /// The jobs it covers, in the order their images came.
    pub job_ids: Vec<JobId>,
    /// How many of them have a reading.
    pub completed: u32,
    /// How many failed.
    pub failed: u32,
}

/// A fact of the log.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is documented at its payload")]
pub enum Event {
    ImageStored(ImageStored),
    InferenceRequested(InferenceRequested),
    DuplicateLinked(DuplicateLinked),
    InferenceCompleted(InferenceCompleted),
    InferenceFailed(InferenceFailed),
    JobDeadLettered(JobDeadLettered),
    StudyCloseRequested(StudyCloseRequested),
    ReportIssued(ReportIssued),
}

impl Event {
    /// Kebab-case name, the second token of the subject.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ImageStored(_) => "image-stored",
            Self::InferenceRequested(_) => "inference-requested",
            Self::DuplicateLinked(_) => "duplicate-linked",
            Self::InferenceCompleted(_) => "inference-completed",
            Self::InferenceFailed(_) => "inference-failed",
            Self::JobDeadLettered(_) => "job-dead-lettered",
            Self::StudyCloseRequested(_) => "study-close-requested",
            Self::ReportIssued(_) => "report-issued",
        }
    }

    /// The job whose fate hangs on this fact when it is handed out as work, and the reading that jobs linked
    /// to it share, if the work is that reading.
    pub fn job(&self) -> Option<(JobId, Option<ReadingId>)> {
        match self {
            Self::ImageStored(e) => Some((e.job_id, None)),
            Self::InferenceRequested(e) => Some((e.job_id, Some(e.reading_id))),
            _ => None,
        }
    }

    /// The one subject of this fact: a second message there is another telling of the same fact.
    pub fn subject(&self, site: &Site) -> String {
        let name = self.name();
        match self {
            Self::ImageStored(e) => format!("evt.{name}.{site}.{}.{}", e.study_id, e.job_id),
            Self::InferenceRequested(e) => {
                format!("evt.{name}.{site}.{}.{}", e.reading_id, e.priority.as_str())
            }
            Self::DuplicateLinked(e) => format!("evt.{name}.{site}.{}.{}", e.reading_id, e.job_id),
            Self::InferenceCompleted(e) => format!("evt.{name}.{site}.{}", e.reading_id),
            Self::InferenceFailed(e) => format!("evt.{name}.{site}.{}.{}", e.reading_id, e.attempt),
            Self::JobDeadLettered(e) => format!("evt.{name}.{site}.{}.{}", e.job_id, e.stream_seq),
            Self::StudyCloseRequested(e) => format!("evt.{name}.{site}.{}.{}", e.study_id, e.request_id),
            Self::ReportIssued(e) => format!("evt.{name}.{site}.{}.{}", e.study_id, e.revision),
        }
    }

    /// The subjects among which this fact may stand only once. A reading is requested once, whichever site
    /// and priority were first: the request is the claim on the content.
    pub fn unique_among(&self, site: &Site) -> String {
        match self {
            Self::InferenceRequested(e) => claim_filter(e.reading_id),
            _ => self.subject(site),
        }
    }
}

/// Filter that finds the request of a reading, whichever site and priority it came with.
pub fn claim_filter(reading_id: ReadingId) -> String {
    format!("evt.inference-requested.*.{reading_id}.*")
}

/// Filter that finds the completed reading.
pub fn completed_filter(reading_id: ReadingId) -> String {
    format!("evt.inference-completed.*.{reading_id}")
}

/// Filter that finds the images of a study.
pub fn study_images_filter(study_id: StudyId) -> String {
    format!("evt.image-stored.*.{study_id}.*")
}

/// Filter that finds the upload of a job when its study is not known. The server walks all studies for it:
/// keep it for the rare case.
pub fn job_image_filter(job_id: JobId) -> String {
    format!("evt.image-stored.*.*.{job_id}")
}
