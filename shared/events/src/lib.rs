//! The facts of Hilum: their types, subjects, ids and CBOR form. No IO, clock or randomness: everything
//! measured comes in as an argument.

mod envelope;
mod event;
mod fact;
mod filter;
mod flaw;
mod ids;
mod image;
mod link;
mod objects;
mod reading;
pub mod samples;
mod subject;
pub mod untrained;

pub use envelope::{DecodeError, Envelope};
pub use event::{
    BlobRef, DeadLetterResolved, DeliveredObject, DeliveryFailed, DeliveryResolved, DuplicateLinked, Event,
    FlagAction, ImageSource, ImageStored, ImageTakenOut, InferenceCompleted, InferenceFailed,
    InferenceRequested, JobDeadLettered, LogLossAccepted, LostFact, Matter, Measure, Priority, ReportCause,
    ReportDelivered, ReportIssued, Resolution, StoredImage, StudyCloseRequested, StudyFlagged,
    StudyManifestReceived, Way,
};
pub use fact::Fact;
pub use filter::{
    all_completed_filter, all_flags_filter, all_links_filter, all_reports_filter, all_requests_filter,
    claim_filter, completed_filter, dead_letter_filter, delivered_filter, delivery_resolutions_filter,
    failed_filter, finds, flag_filter, job_dead_letters_filter, job_decisions_filter, job_image_filter,
    job_link_filter, like_pattern, links_filter, losses_filter, report_filter, study_flags_filter,
    study_images_filter, study_manifests_filter, study_reports_filter,
};
pub use flaw::{ReadingFlaw, check_labels, check_reading, is_label};
pub use ids::{
    DeliveryTarget, EventId, JobId, NameError, PictureId, ReadingId, RuleName, SeriesName, Sha256Digest,
    Site, StudyId, StudyRef,
};
pub use image::{DicomIdentity, MediaType};
pub use reading::{
    ActivationMap, AnalysedRegion, EngineIdentity, Finding, ModelIdentity, Notice, ReaderIdentity,
    ReadingTimes,
};
pub use subject::{Subject, in_lane, lane_of};
