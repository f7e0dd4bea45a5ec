//! At most so many in any one second. The clock comes in as an argument.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Decisions in any second: each is work for the whole stack, and a script that runs away must not flood it.
const PER_SECOND: usize = 50;
const WINDOW: Duration = Duration::from_secs(1);

/// Remembers the newest [`PER_SECOND`] passes.
#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<VecDeque<Instant>>);

impl Throttle {
    /// Whether one more may pass at `now`; if so it has passed.
    pub(super) fn pass(&self, now: Instant) -> bool {
        // Nothing here panics half way, so what a poisoned lock holds is whole.
        let mut passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if passed.len() == PER_SECOND {
            if passed.front().is_some_and(|oldest| now.saturating_duration_since(*oldest) < WINDOW) {
                return false;
            }
            passed.pop_front();
        }
        passed.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_sees_more_than_the_limit_and_the_next_one_is_free_again() {
        let throttle = Throttle::default();
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let passed = |ms| (0..100).filter(|_| throttle.pass(at(ms))).count();
        assert_eq!(passed(0), PER_SECOND);
        assert_eq!(passed(999), 0);
        assert_eq!(passed(1000), PER_SECOND);
        assert_eq!(passed(1999), 0);
    }
}
