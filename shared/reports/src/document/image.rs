//! One image of a report: what became of it and what a model said of it.

use hilum_events::{
    ActivationMap, AnalysedRegion, BlobRef, DicomIdentity, EngineIdentity, Finding, InferenceCompleted,
    JobId, MediaType, ModelIdentity, Notice, ReadingId, ReadingTimes, Sha256Digest,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Labels named in [`ReadingEntry::top_findings`].
const TOP_FINDINGS: usize = 3;

/// What became of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageStatus {
    /// It has a reading.
    Completed,
    /// It has none.
    Failed,
    /// It had no outcome yet when the report had to be issued.
    Pending,
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
    /// What became of it.
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
    /// The picture for people: a grey PNG of at most 512 pixels a side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<BlobRef>,
    /// Why it has no picture for people, when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_missing: Option<String>,
}

/// What a model said of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadingEntry {
    /// Name, version and weights of the model, to find it among the report's models.
    pub model: ModelKey,
    /// False when its numbers mean nothing.
    pub trained: bool,
    /// The engine that ran it.
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
    /// Id of its preprocessing.
    pub preprocessing_id: String,
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

impl ReadingEntry {
    /// The entry of a reading, from its fact.
    pub fn of(e: &InferenceCompleted) -> Self {
        let mut reading = Self {
            model: ModelKey::of(&e.model),
            trained: e.model.trained,
            engine: e.engine.clone(),
            top_findings: Vec::new(),
            findings: e.findings.clone(),
            activation_maps: e.activation_maps.clone(),
            region: e.region,
            pixel_digest: e.pixel_digest,
            times: e.times,
            notices: e.notices.clone(),
            reused_from: e.reused_from,
        };
        let ranked = reading.ranked();
        let top = ranked.into_iter().take(TOP_FINDINGS).map(|finding| finding.label.clone()).collect();
        reading.top_findings = top;
        reading
    }

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
