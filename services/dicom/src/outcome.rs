//! What became of an object, and the status that its sender is answered (PS3.4, table B.2-1; PS3.7, annex C). Pure.

use std::borrow::Cow;

use hilum_intake::{DicomStatus, Refusal};

pub(crate) const SUCCESS: u16 = 0x0000;
pub(crate) const INVALID_INSTANCE: u16 = 0x0117;
pub(crate) const NO_SUCH_CLASS: u16 = 0x0122;
pub(crate) const UNRECOGNISED_OPERATION: u16 = 0x0211;
pub(crate) const DOES_NOT_MATCH: u16 = 0xa900;

/// What became of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreOutcome {
    /// It and the fact that it is there are durable.
    Stored,
    /// It is whole, not for the model, and was dropped. Its sender is told that it arrived, lest it sends it for ever.
    Ignored {
        /// Stable word.
        reason: Cow<'static, str>,
    },
    /// It was not taken.
    Refused {
        /// What its sender is answered.
        status: u16,
        /// The same in words, for the log of the sender. Nothing of the object.
        comment: Cow<'static, str>,
        /// Stable word for metrics.
        reason: &'static str,
    },
}

impl StoreOutcome {
    pub(crate) fn ignored(reason: &'static str) -> Self {
        Self::Ignored { reason: reason.into() }
    }

    pub(crate) fn refused(status: u16, comment: &'static str, reason: &'static str) -> Self {
        Self::Refused { status, comment: comment.into(), reason }
    }

    /// What the sender is answered: status and comment.
    pub(crate) fn answer(&self) -> (u16, &str) {
        match self {
            Self::Stored | Self::Ignored { .. } => (SUCCESS, ""),
            Self::Refused { status, comment, .. } => (*status, comment),
        }
    }

    /// Stable word for metrics.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Ignored { .. } => "ignored",
            Self::Refused { reason, .. } => reason,
        }
    }
}

/// What an object was sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SentAs {
    /// An image that may be for the model: without a picture it is broken.
    Image,
    /// Something else, such as a report.
    Other,
}

impl StoreOutcome {
    /// What becomes of an object that the intake refused.
    pub(crate) fn of_refusal(refusal: &Refusal, sent_as: SentAs) -> Self {
        if let Some(word) = refusal.not_for_models() {
            return Self::Ignored { reason: word.to_owned().into() };
        }
        if sent_as == SentAs::Other && refusal.lacks_picture() {
            return Self::ignored("no_pixel_data");
        }
        let DicomStatus { code: status, comment } = refusal.dicom_status();
        let reason = refusal.kind().slug();
        Self::Refused { status, comment, reason }
    }
}

#[cfg(test)]
mod tests {
    use hilum_intake::{NOT_UNDERSTOOD, OUT_OF_RESOURCES};

    use super::*;

    const TOO_LONG: u16 = 0xc001;
    const STUDY_FULL: u16 = 0xc002;

    fn unreadable(code: &str) -> Refusal {
        Refusal::Unreadable { code: code.to_owned(), reason: String::new() }
    }

    #[test]
    fn what_may_be_taken_later_is_out_of_resources_and_what_never_will_is_another_status() {
        for (refusal, status) in [
            (Refusal::Busy, OUT_OF_RESOURCES),
            (Refusal::Full { retry_after_s: 3 }, OUT_OF_RESOURCES),
            (Refusal::LongWait { wait_s: 90, retry_after_s: 30 }, OUT_OF_RESOURCES),
            (Refusal::TooManySites { max_sites: 1 }, OUT_OF_RESOURCES),
            (Refusal::DiskFull("full".into()), OUT_OF_RESOURCES),
            (Refusal::Unavailable("away", "away".into()), OUT_OF_RESOURCES),
            (Refusal::Stalled(std::time::Duration::from_secs(5)), OUT_OF_RESOURCES),
            (Refusal::TooLong { limit_bytes: 1 }, TOO_LONG),
            (Refusal::StudyFull { most: 1 }, STUDY_FULL),
            (unreadable("truncated"), NOT_UNDERSTOOD),
            (unreadable("damaged"), NOT_UNDERSTOOD),
            (Refusal::Malformed(String::new()), NOT_UNDERSTOOD),
            (unreadable("no_pixel_data"), SUCCESS),
            (unreadable("multi_frame"), SUCCESS),
        ] {
            let outcome = StoreOutcome::of_refusal(&refusal, SentAs::Other);
            let (answered, comment) = outcome.answer();
            assert_eq!(answered, status, "{refusal}");
            assert_eq!(answered == OUT_OF_RESOURCES, refusal.is_for_now(), "{refusal}");
            assert!(comment.is_empty() == (status == SUCCESS) && comment.len() <= 64, "{comment}");
        }
        // An image that has lost its picture is broken, and its sender may have it whole.
        let outcome = StoreOutcome::of_refusal(&unreadable("no_pixel_data"), SentAs::Image);
        assert_eq!(outcome.answer().0, NOT_UNDERSTOOD);
    }
}
