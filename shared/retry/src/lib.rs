//! Calls to the outside world, tried again with exponential backoff and jitter. The only place that knows the crate
//! `backoff`, which is no longer maintained: replacing it means rewriting this file.

use std::future::Future;
use std::time::Duration;

use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

/// How long and how often to try.
#[derive(Debug, Clone, Copy)]
pub struct Attempts {
    /// Wait before the second try; doubles from there, each wait ±30 %.
    pub first_wait: Duration,
    /// Longest wait between two tries.
    pub longest_wait: Duration,
    /// No try begins later than this after the first.
    pub give_up_after: Duration,
}

impl Attempts {
    /// For a caller who waits for the answer.
    pub const BRIEF: Self = Self {
        first_wait: Duration::from_millis(50),
        longest_wait: Duration::from_secs(1),
        give_up_after: Duration::from_secs(5),
    };

    /// A single try.
    pub const ONCE: Self =
        Self { first_wait: Duration::ZERO, longest_wait: Duration::ZERO, give_up_after: Duration::ZERO };

    /// The wait before try `number` (2 is the second), without jitter.
    pub fn wait_before(&self, number: u64) -> Duration {
        let doublings = u32::try_from(number.saturating_sub(2)).unwrap_or(u32::MAX).min(20);
        self.first_wait.saturating_mul(1 << doublings).min(self.longest_wait)
    }

    /// The wait before try `number` with its jitter, so that what failed together does not come back together.
    pub fn jittered_wait_before(&self, number: u64) -> Duration {
        let wait = self.wait_before(number);
        waits(wait, wait).next_backoff().unwrap_or(wait)
    }
}

fn waits(first: Duration, longest: Duration) -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(first)
        .with_max_interval(longest)
        .with_multiplier(2.0)
        .with_randomization_factor(0.3)
        .with_max_elapsed_time(None)
        .build()
}

/// Runs `call` until it succeeds, fails with an error that `is_transient` denies, or the attempts are used up.
///
/// # Errors
/// The last error of `call`.
pub async fn retry<T, E, F, Fut>(
    attempts: Attempts,
    is_transient: fn(&E) -> bool,
    mut call: F,
) -> Result<T, E>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    if attempts.give_up_after.is_zero() {
        return call().await;
    }
    let mut waits = waits(attempts.first_wait, attempts.longest_wait);
    waits.max_elapsed_time = Some(attempts.give_up_after);
    loop {
        match call().await {
            Err(error) if is_transient(&error) => match waits.next_backoff() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            },
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let attempts = Attempts {
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(30),
            give_up_after: Duration::from_secs(60),
        };
        let waits: Vec<u64> = (2..9).map(|number| attempts.wait_before(number).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(attempts.wait_before(u64::MAX).as_secs(), 30);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_error_that_is_not_transient_is_not_tried_again() {
        let calls = std::cell::Cell::new(0);
        let outcome: Result<(), &str> = retry(
            Attempts::BRIEF,
            |error| *error != "bad",
            || {
                calls.set(calls.get() + 1);
                async { Err("bad") }
            },
        )
        .await;
        assert_eq!((outcome, calls.get()), (Err("bad"), 1));
    }
}
