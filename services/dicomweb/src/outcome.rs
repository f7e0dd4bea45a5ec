//! What became of the objects of a request, and the status of its answer (PS3.18, 10.5.3). Pure.

use hilum_intake::{DicomStatus, ObjectNames, Refusal};

/// Not of the study that the address names.
pub(crate) const OTHER_STUDY: u16 = 0xa901;
/// Something is wrong with the door.
pub(crate) const PROCESSING_FAILURE: u16 = 0x0110;
/// Not of a kind that is taken here.
pub(crate) const NO_SUCH_CLASS: u16 = 0x0122;

/// What became of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It and the fact that it is there are durable.
    Stored {
        /// What identifies it.
        names: ObjectNames,
    },
    /// It was not taken.
    Failed(Failure),
}

/// Why an object was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What identifies it, if that could be read.
    pub(crate) names: Option<ObjectNames>,
    /// Failure Reason (0008,1197).
    pub(crate) reason: u16,
    /// In words, and nothing of the object.
    pub(crate) comment: String,
    /// Stable word for metrics.
    pub(crate) word: &'static str,
    /// Seconds after which it may be taken, if it may be later.
    pub(crate) retry_after_s: Option<u64>,
}

impl Failure {
    /// Of an object that was taken for something that it is not.
    pub(crate) fn of(reason: u16, word: &'static str, comment: &str) -> Self {
        Self { names: None, reason, comment: comment.to_owned(), word, retry_after_s: None }
    }

    /// Of an object that the intake refused. What is whole and not for the model is not of a kind that is taken; nothing of it is
    /// kept, so it is not told stored.
    pub(crate) fn of_refusal(refusal: &Refusal) -> Self {
        let word = refusal.kind().slug();
        if refusal.not_for_models().is_some() || refusal.lacks_picture() {
            return Self::of(NO_SUCH_CLASS, word, "it holds no picture that a model here reads");
        }
        let DicomStatus { code, comment } = refusal.dicom_status();
        // What broke off comes again by itself.
        let retry_after_s = refusal.is_for_now().then(|| refusal.retry_after_s().unwrap_or(2));
        Self { names: None, reason: code, comment: comment.into_owned(), word, retry_after_s }
    }
}

/// The status of a request with these objects, and the seconds after which it may be sent again. There is at least one.
pub(crate) fn status(outcomes: &[Outcome]) -> (u16, Option<u64>) {
    let failures = || {
        outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Failed(failure) => Some(failure),
            Outcome::Stored { .. } => None,
        })
    };
    let failed = failures().count();
    let wait = failures().filter_map(|failure| failure.retry_after_s).max();
    match failed {
        0 => (200, None),
        _ if failed < outcomes.len() => (202, wait),
        _ if failures().all(|failure| failure.retry_after_s.is_some()) => (503, wait),
        _ => (409, wait),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_tells_whether_all_some_or_none_is_stored_and_whether_to_come_again() {
        let names = ObjectNames { sop_class: "1.2".to_owned(), sop_instance: "1.3".to_owned() };
        let stored = || Outcome::Stored { names: names.clone() };
        let failed = |refusal: Refusal| Outcome::Failed(Failure::of_refusal(&refusal));
        let busy = || failed(Refusal::Full { retry_after_s: 7 });
        let broken = || failed(Refusal::Unreadable { code: "truncated".to_owned(), reason: String::new() });
        assert_eq!(status(&[stored(), stored()]), (200, None));
        assert_eq!(status(&[stored(), broken()]), (202, None));
        assert_eq!(status(&[stored(), busy(), broken()]), (202, Some(7)));
        assert_eq!(status(&[broken(), busy()]), (409, Some(7)));
        assert_eq!(status(&[busy(), busy()]), (503, Some(7)));
    }

    #[test]
    fn each_refusal_has_a_reason_of_the_standard() {
        let unreadable = |code: &str| Refusal::Unreadable { code: code.to_owned(), reason: String::new() };
        for (refusal, reason) in [
            (Refusal::Busy, 0xa700),
            (Refusal::Unavailable("away", "away".into()), 0xa700),
            (Refusal::BrokenOff, 0xa700),
            (unreadable("truncated"), 0xc000),
            (unreadable("no_pixel_data"), NO_SUCH_CLASS),
            (unreadable("multi_frame"), NO_SUCH_CLASS),
            (Refusal::TooLong { limit_bytes: 1 }, 0xc001),
            (Refusal::StudyFull { most: 1 }, 0xc002),
            (Refusal::UnknownType, 0xc000),
        ] {
            let failure = Failure::of_refusal(&refusal);
            assert_eq!(failure.reason, reason, "{refusal}");
            assert_eq!(failure.retry_after_s.is_some(), refusal.is_for_now(), "{refusal}");
        }
    }
}
