//! The facts of Hilum: their types, subjects, ids and CBOR form. No IO, clock or randomness: everything
//! measured comes in as an argument.

mod envelope;
mod event;
mod ids;
mod image;
pub mod samples;

pub use envelope::{DecodeError, Envelope};
pub use event::{
    ActivationMap, AnalysedRegion, BlobRef, DuplicateLinked, EngineIdentity, Event, Finding, ImageStored,
    InferenceCompleted, InferenceFailed, InferenceRequested, JobDeadLettered, ModelIdentity, Priority,
    ReadingTimes, ReportCause, ReportIssued, StoredImage, StudyCloseRequested, claim_filter,
    completed_filter, job_image_filter, study_images_filter,
};
pub use ids::{EventId, JobId, NameError, ReadingId, Sha256Digest, Site, StudyId, StudyRef};
pub use image::{DicomIdentity, MediaType};
