//! What the settings of every protocol have in common.

use std::time::Duration;

use hilum_forms::{Format, Message};

use super::error::SenderError;
use super::sender::Sender;

/// The settings of one protocol. They are read from the keys of a target, which are checked on the way: a value of this type
/// can be used.
pub(crate) trait Settings: Send + Sync {
    /// The forms of a report that the protocol carries, the usual one first.
    fn forms(&self) -> &'static [Format];

    /// Whether a target may be given flags, and so no form of a report at all.
    fn takes_flags(&self) -> bool {
        false
    }

    /// Whether an older revision of a report is not sent any more once a newer one was delivered. Never where each revision
    /// is an object of its own: all are kept there.
    fn is_newest_only(&self) -> bool {
        false
    }

    /// What HL7 messages say besides the report.
    fn message(&self) -> Message {
        Message::default()
    }

    /// Whether the target takes nothing of a patient without an id, rather than under one of ours.
    fn requires_patient_id(&self) -> bool {
        false
    }

    /// How many shipments are in hand at a time.
    fn at_once(&self) -> usize {
        4
    }

    /// A sender by these settings, which gives the target `limit` for each object. Nothing is sent yet.
    ///
    /// # Errors
    /// When no HTTP client can be made or the storage can't be opened.
    fn sender(&self, limit: Duration) -> Result<Box<dyn Sender>, SenderError>;
}
