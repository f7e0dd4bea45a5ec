//! What a sender sends and is answered: an upload, and what it says of a study.

use std::collections::BTreeSet;

use hilum_events::{JobId, Priority, Sha256Digest, Site, StudyId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder};
use utoipa::openapi::{ObjectBuilder, Type};

use crate::{JobResult, JobStatus};

// Only described: an upload is read while it streams.
/// The form of an upload.
#[derive(Debug, ToSchema)]
pub struct UploadForm {
    /// A DICOM, PNG or JPEG file.
    #[schema(content_media_type = "application/octet-stream", value_type = String, format = Binary)]
    pub image: Vec<u8>,
    /// 1 to 32 of a-z, 0-9 and '-'; `default` when absent; it comes before the image, for each site has queues of its own.
    pub site: Option<Site>,
    /// The sender's own name for the study, 1 to 64 of letters, digits, '.', '_' and '-'; never a patient's name or number.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub study: Option<String>,
    /// `stat` overtakes; it comes before the image, for a full door looks no further. `routine` when absent.
    pub priority: Option<Priority>,
    /// How many images the study has in all, each content counted once: its report is issued when they are there and read;
    /// 5000 at most where the operator allows no more.
    #[schema(minimum = 1, maximum = 50_000)]
    pub expected_images: Option<u32>,
    /// An earlier study of the same patient at the same site, by the sender's name or by its id: its numbers stand beside
    /// those of this one.
    pub prior_study: Option<String>,
}

/// An image that was taken in. Content that the same model has read before is `COMPLETED` at once, with its result, if that
/// can be known in a moment; else it is `QUEUED`, and whether it was sent before is decided afterwards: see `duplicate_of` of
/// the job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// The job.
    pub job_id: JobId,
    /// Where it stands.
    pub status: JobStatus,
    /// Of the image's bytes.
    pub sha256: Sha256Digest,
    /// The study it will be reported in.
    pub study_id: StudyId,
    /// Where it came from.
    pub site: Site,
    /// The job whose reading it shares, when it is `COMPLETED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<JobId>,
    /// What the model said of the same content before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<JobResult>,
}

/// What a sender said of a study is in the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StudyNoted {
    /// The study.
    pub study_id: StudyId,
}

/// What a study consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// How many images it has in all, each content counted once; 5000 at most where the operator allows no more.
    #[schema(minimum = 1, maximum = 50_000)]
    pub images: u32,
    /// Images by the SHA-256 of their files.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<Sha256Digest>, max_items = 4096)]
    pub sha256: BTreeSet<Sha256Digest>,
    /// Images by SOP Instance UID.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(schema_with = uids)]
    pub sop_instance_uids: BTreeSet<String>,
}

fn uids() -> Array {
    let uid = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9.]{1,64}$")).build();
    ArrayBuilder::new().items(uid).max_items(Some(4096)).build()
}
