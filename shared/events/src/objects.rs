//! Which objects in storage a fact promises: they are durable before it stands in the log.

use crate::event::{BlobRef, Event, ReportIssued};

impl Event {
    /// The objects that this fact is the first to name.
    pub fn objects(&self) -> Vec<&BlobRef> {
        match self {
            Self::ImageStored(e) => vec![&e.image.blob],
            Self::InferenceCompleted(e) => e.preview.iter().collect(),
            Self::ReportIssued(e) => e.objects().collect(),
            Self::InferenceRequested(_)
            | Self::DuplicateLinked(_)
            | Self::InferenceFailed(_)
            | Self::JobDeadLettered(_)
            | Self::DeadLetterResolved(_)
            | Self::StudyCloseRequested(_)
            | Self::StudyManifestReceived(_)
            | Self::StudyFlagged(_)
            | Self::ReportDelivered(_)
            | Self::DeliveryFailed(_)
            | Self::DeliveryResolved(_)
            | Self::LogLossAccepted(_)
            | Self::ImageTakenOut(_) => Vec::new(),
        }
    }
}

impl ReportIssued {
    /// The document, the page of an old report, and the pictures that were made for this one.
    pub fn objects(&self) -> impl Iterator<Item = &BlobRef> {
        [&self.json].into_iter().chain(&self.html).chain(&self.previews)
    }
}
