//! What becomes of an object that was not taken in. Pure.

use std::time::Duration;

use hilum_blobs::BucketError;
use hilum_events::JobId;
use jiff::{SignedDuration, Timestamp};

use crate::watches::MeaningError;

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// What is refused for now is asked for again within this time, whatever is said: the door may open sooner than it guessed, and to
/// ask costs no fetch.
const LONGEST_REFUSAL: Duration = Duration::from_secs(10);

/// Why an object was not taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Setback {
    /// Hilum takes nothing now; after so many seconds it may.
    ForNow {
        /// Seconds.
        retry_after_s: u64,
    },
    /// The event log does not answer.
    LogAway,
    /// The object's store fails.
    Store(BucketError),
    /// It will never be taken as it is.
    Never {
        /// Why, without its key.
        reason: String,
        /// Its job, if that is known.
        job_id: Option<JobId>,
    },
}

/// What becomes of its notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is handed out again after this time.
    Again(Duration),
    /// It is given up, for this reason.
    GiveUp(String),
}

/// How long a notification waits already, and what was tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Story {
    /// How often it was handed out.
    pub deliveries: u64,
    /// When it was put in the queue.
    pub stored_at: Option<Timestamp>,
    /// What time it is, by the same clock.
    pub now: Option<Timestamp>,
}

impl From<MeaningError> for Setback {
    fn from(error: MeaningError) -> Self {
        Self::Never { reason: error.to_string(), job_id: None }
    }
}

impl Setback {
    /// What becomes of the notification. While Hilum itself takes nothing no try counts; a store that fails is tried for so long.
    pub(crate) fn next(&self, story: Story, give_up_after: Duration) -> Next {
        match self {
            Self::ForNow { retry_after_s } => {
                let wait = Duration::from_secs((*retry_after_s).max(1));
                Next::Again(wait.min(LONGEST_REFUSAL))
            }
            Self::LogAway => Next::Again(backoff(story.deliveries)),
            Self::Store(error @ BucketError::Unaddressable) => Next::GiveUp(error.to_string()),
            Self::Store(error) => {
                let age =
                    story.now.zip(story.stored_at).map(|(now, stored_at)| now.duration_since(stored_at));
                let limit = SignedDuration::try_from(give_up_after).unwrap_or(SignedDuration::MAX);
                match age.filter(|age| *age >= limit) {
                    Some(age) => Next::GiveUp(format!(
                        "it could not be fetched for {} s: {error}; see to the bucket, then have it tried again",
                        age.as_secs()
                    )),
                    None => Next::Again(backoff(story.deliveries)),
                }
            }
            Self::Never { reason, .. } => Next::GiveUp(reason.clone()),
        }
    }

    /// A word for metrics.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::ForNow { .. } => "refused_for_now",
            Self::LogAway => "log_away",
            Self::Store(_) => "store_failed",
            Self::Never { .. } => "refused",
        }
    }
}

/// Waits double from a second.
fn backoff(deliveries: u64) -> Duration {
    let doublings = u32::try_from(deliveries.saturating_sub(1)).unwrap_or(u32::MAX).min(10);
    Duration::from_secs(1 << doublings).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn story(deliveries: u64, age_s: i64) -> Story {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        Story { deliveries, stored_at: at(1000), now: at(1000 + age_s) }
    }

    fn seconds(next: Next) -> u64 {
        match next {
            Next::Again(wait) => wait.as_secs(),
            Next::GiveUp(reason) => panic!("{reason}"),
        }
    }

    #[test]
    fn what_hilum_refuses_for_now_waits_as_long_as_it_says_and_is_never_given_up() {
        for (said, waits) in [(0, 1), (2, 2), (10, 10), (3600, 10)] {
            let refused = Setback::ForNow { retry_after_s: said };
            assert_eq!(seconds(refused.next(story(5000, 999_999), DAY)), waits);
        }
        assert_eq!(seconds(Setback::LogAway.next(story(5000, 999_999), DAY)), 120);
    }

    #[test]
    fn a_store_that_fails_is_asked_ever_more_seldom_and_given_up_at_last() {
        let failed = Setback::Store(BucketError::Refused { status: 403 });
        let waits = [1, 2, 3, 7, 8, 60].map(|deliveries| seconds(failed.next(story(deliveries, 10), DAY)));
        assert_eq!(waits, [1, 2, 4, 64, 120, 120]);
        let Next::GiveUp(reason) = failed.next(story(60, 86_400), DAY) else { panic!() };
        assert!(reason.contains("86400 s") && reason.contains("403"), "{reason}");
        let unknown = Story { deliveries: 9, stored_at: None, now: None };
        assert_eq!(seconds(failed.next(unknown, DAY)), 120, "without a clock it goes on");
    }

    #[test]
    fn what_will_never_do_is_given_up_at_once() {
        let never = Setback::Never { reason: "no image".to_owned(), job_id: None };
        assert_eq!(never.next(story(1, 0), DAY), Next::GiveUp("no image".to_owned()));
        let next = Setback::Store(BucketError::Unaddressable).next(story(1, 0), DAY);
        assert!(matches!(next, Next::GiveUp(_)));
    }
}
