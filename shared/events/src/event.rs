//! The facts, newest version of each. What they may carry is decided here: identifiers, hashes, numbers and
//! sentences of our own; never text from a DICOM header and nothing that tells who the patient is.

use serde::{Deserialize, Serialize};

use crate::ids::{DeliveryTarget, JobId, ReadingId, RuleName, SeriesName, Sha256Digest, StudyId, StudyRef};
use crate::image::{DicomIdentity, MediaType};
use crate::reading::{
    ActivationMap, AnalysedRegion, EngineIdentity, Finding, ModelIdentity, Notice, ReadingTimes,
};

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
    /// The site's names for the series that this image belongs to, told by its rules from the header. Since version 2.
    #[serde(default)]
    pub series: Vec<SeriesName>,
    /// How many images the sender says its study has. Since version 2.
    #[serde(default)]
    pub expected_images: Option<u32>,
    /// An earlier study of the same patient, as the sender says. Since version 2.
    #[serde(default)]
    pub prior_study_id: Option<StudyId>,
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
    /// 1 for the first request, one more with each redrive and when the reading is wanted sooner.
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

/// What an operator decided about a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The work is to be tried once more, as a new attempt.
    Redrive,
    /// The work is not to be tried again; the job or the delivery stays failed.
    Discard,
}

/// An operator decided what becomes of a dead letter. Decided once for each: what fails again after a redrive is
/// another dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterResolved {
    /// The job that was given up.
    pub job_id: JobId,
    /// Its reading, if the failed step was the reading.
    pub reading_id: Option<ReadingId>,
    /// The consumer that gave up.
    pub consumer: String,
    /// Position in the event stream of the message it gave up on.
    pub stream_seq: u64,
    /// The decision.
    pub resolution: Resolution,
    /// Who decided.
    pub by: String,
    /// Why.
    pub why: String,
}

/// Somebody said that no more images of a study will come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudyCloseRequested {
    /// The study.
    pub study_id: StudyId,
    /// Tells one request from the next.
    pub request_id: uuid::Uuid,
}

/// Somebody said what a study consists of. The newest of a study counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudyManifestReceived {
    /// The study.
    pub study_id: StudyId,
    /// Tells one manifest from the next.
    pub request_id: uuid::Uuid,
    /// How many images it has in all.
    pub images: u32,
    /// Images by the SHA-256 of their files, if the sender knows them.
    pub sha256: Vec<Sha256Digest>,
    /// Images by SOP Instance UID, if the sender knows them.
    pub sop_instance_uids: Vec<String>,
}

/// What is to be done about a study that a rule flagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlagAction {
    /// Its images are read before routine ones.
    RaisePriority,
    /// The rule's targets are told.
    Notify,
    /// It is marked in the worklist.
    Worklist,
}

/// What of a finding a rule compares with its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The probability, 0 to 1.
    Probability,
    /// The operating-point score, 0 to 1, 0.5 at the operating point.
    OperatingPointScore,
}

/// A triage rule matched a reading of a study. Once for each rule and study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyFlagged {
    /// The study.
    pub study_id: StudyId,
    /// The rule's name.
    pub rule: RuleName,
    /// The image.
    pub job_id: JobId,
    /// Its reading.
    pub reading_id: ReadingId,
    /// The label.
    pub label: String,
    /// What the rule compares.
    pub measure: Measure,
    /// What it found, 0 to 1.
    pub value: f32,
    /// The rule matches at this value and above, 0 to 1.
    pub threshold: f32,
    /// What the rule wants done.
    pub actions: Vec<FlagAction>,
    /// Who is to be told, when `actions` has [`FlagAction::Notify`].
    pub targets: Vec<DeliveryTarget>,
}

/// What is delivered to a target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matter {
    /// A revision of the study's report.
    Report(u32),
    /// The flag of this rule.
    Flag(RuleName),
}

/// An object as it was handed to a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveredObject {
    /// The form, such as `dicom-sr`.
    pub form: String,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
    /// Length in bytes.
    pub size_bytes: u64,
}

/// A target took what was delivered, and said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportDelivered {
    /// The study.
    pub study_id: StudyId,
    /// Its report or a flag.
    pub matter: Matter,
    /// The target.
    pub target: DeliveryTarget,
    /// 1 for the first round of tries, one more with each redrive.
    pub attempt: u32,
    /// What was handed over.
    pub objects: Vec<DeliveredObject>,
    /// How the target said so, such as `HTTP 201` or `C-STORE 0x0000`.
    pub receipt: String,
}

/// A target did not take what was to be delivered, and trying was given up; its story is in the dead-letter stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryFailed {
    /// The study.
    pub study_id: StudyId,
    /// Its report or a flag.
    pub matter: Matter,
    /// The target.
    pub target: DeliveryTarget,
    /// Which round of tries failed.
    pub attempt: u32,
    /// The consumer that gave up.
    pub consumer: String,
    /// Position in the event stream of the message it gave up on.
    pub stream_seq: u64,
    /// How often it was tried.
    pub tries: u64,
    /// Sentence for people.
    pub reason: String,
}

/// An operator decided what becomes of a failed delivery. Decided once for each round: what fails again after a
/// redrive is another dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryResolved {
    /// The study.
    pub study_id: StudyId,
    /// Its report or a flag.
    pub matter: Matter,
    /// The target.
    pub target: DeliveryTarget,
    /// Which round of tries failed.
    pub attempt: u32,
    /// The decision.
    pub resolution: Resolution,
    /// Who decided.
    pub by: String,
    /// Why.
    pub why: String,
}

/// Why a report was issued when it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportCause {
    /// All known images had an outcome and nothing new came for the quiet time.
    QuietTime,
    /// All known images had an outcome and the sender had closed the study.
    Closed,
    /// As many images as the sender had announced, or all that its manifest names, had an outcome. Since version 3.
    Expected,
    /// Every series that the site expects had come, and all images had an outcome. Since version 3.
    ExpectedSeries,
    /// The time that the site gives a study was over: what was there is reported, and what is missing. Since version 3.
    TimeLimit,
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
    /// The document: all other forms are made of it.
    pub json: BlobRef,
    /// The page for people as version 1 kept it. `None` since version 2: it is made when somebody asks.
    #[serde(default)]
    pub html: Option<BlobRef>,
    /// Pictures for people that were made for this report. Those that were kept with a reading are named by its fact.
    /// Since version 2.
    #[serde(default)]
    pub previews: Vec<BlobRef>,
    /// The jobs it covers, in the order their images came.
    pub job_ids: Vec<JobId>,
    /// How many of them have a reading.
    pub completed: u32,
    /// How many failed.
    pub failed: u32,
    /// How many had no outcome yet: more than none only when the time limit was over. Since version 3.
    #[serde(default)]
    pub pending: u32,
    /// Whether nothing that was expected is missing. Since version 3; reports before it were complete.
    #[serde(default = "complete")]
    pub complete: bool,
}

fn complete() -> bool {
    true
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
    DeadLetterResolved(DeadLetterResolved),
    StudyCloseRequested(StudyCloseRequested),
    StudyManifestReceived(StudyManifestReceived),
    StudyFlagged(StudyFlagged),
    ReportIssued(ReportIssued),
    ReportDelivered(ReportDelivered),
    DeliveryFailed(DeliveryFailed),
    DeliveryResolved(DeliveryResolved),
}
