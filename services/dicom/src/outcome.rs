//! What became of an object, and the status that its sender is answered (PS3.4, table B.2-1; PS3.7, annex C). Pure.

use std::borrow::Cow;

use hilum_intake::Refusal;

pub(crate) const SUCCESS: u16 = 0x0000;
pub(crate) const INVALID_INSTANCE: u16 = 0x0117;
pub(crate) const NO_SUCH_CLASS: u16 = 0x0122;
pub(crate) const UNRECOGNISED_OPERATION: u16 = 0x0211;
pub(crate) const OUT_OF_RESOURCES: u16 = 0xa700;
pub(crate) const DOES_NOT_MATCH: u16 = 0xa900;
pub(crate) const NOT_UNDERSTOOD: u16 = 0xc000;
/// Not understood, in words of our own: longer than is taken.
pub(crate) const TOO_LONG: u16 = 0xc001;
/// One more image than a study may have.
pub(crate) const STUDY_FULL: u16 = 0xc002;

/// What an object has that holds no picture: the decoder's word.
const NO_PICTURE: &str = "no_pixel_data";
/// What a picture may have that no model here reads, in an object that is whole: the decoder's words.
const NOT_FOR_MODELS: [&str; 5] =
    ["palette_color", "not_monochrome", "multi_frame", "unsupported_bit_depth", "too_many_pixels"];

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
        let reason = refusal.kind().slug();
        let (status, comment): (u16, Cow<'static, str>) = match refusal {
            Refusal::Unreadable { code, .. }
                if NOT_FOR_MODELS.contains(&&**code) || (code == NO_PICTURE && sent_as == SentAs::Other) =>
            {
                return Self::Ignored { reason: code.clone().into() };
            }
            Refusal::Unreadable { code, .. } => (NOT_UNDERSTOOD, format!("not readable: {code}").into()),
            Refusal::TooLong { .. } => (TOO_LONG, "longer than HILUM_MAX_UPLOAD_BYTES allows".into()),
            Refusal::StudyFull { .. } => (STUDY_FULL, "the study has as many images as it may have".into()),
            Refusal::Busy => (OUT_OF_RESOURCES, "busy with other senders; send it again shortly".into()),
            Refusal::Full { .. } => (OUT_OF_RESOURCES, "too many images wait; send it again later".into()),
            Refusal::LongWait { .. } => {
                (OUT_OF_RESOURCES, "images wait too long for a reading; send it again later".into())
            }
            Refusal::TooManySites { .. } => {
                (OUT_OF_RESOURCES, "too many sites wait; send it again later".into())
            }
            Refusal::DiskFull(_) => {
                (OUT_OF_RESOURCES, "the disk is full; have the operator make room".into())
            }
            refusal if refusal.is_for_now() => {
                (OUT_OF_RESOURCES, "nothing was stored; send it again shortly".into())
            }
            _ => (NOT_UNDERSTOOD, "not an object that is taken here".into()),
        };
        Self::Refused { status, comment, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
