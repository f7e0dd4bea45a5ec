//! The facts, newest version of each. What they may carry is decided here: identifiers, hashes, numbers and
//! sentences of our own; never text from a DICOM header and nothing that tells who the patient is.

mod deliveries;
mod images;
mod losses;
mod source;
mod studies;

pub use deliveries::{DeliveredObject, DeliveryFailed, DeliveryResolved, Matter, ReportDelivered};
pub use images::{
    BlobRef, DeadLetterResolved, DuplicateLinked, ImageStored, ImageTakenOut, InferenceCompleted,
    InferenceFailed, InferenceRequested, JobDeadLettered, Priority, Resolution, StoredImage,
};
pub use losses::{LogLossAccepted, LostFact};
pub use source::{ImageSource, Way};
pub use studies::{
    FlagAction, Measure, ReportCause, ReportIssued, StudyCloseRequested, StudyFlagged, StudyManifestReceived,
};

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
    LogLossAccepted(LogLossAccepted),
    ImageTakenOut(ImageTakenOut),
}
