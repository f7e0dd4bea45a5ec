//! Why an image is not taken, and when it may be.

use std::time::Duration;

/// An estimate that was wrong must not keep senders away.
const LONGEST_RETRY_S: f64 = 120.0;

/// Why a lane is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Too many images wait.
    TooMany,
    /// One more would wait too long.
    TooSlow,
    /// Images of so many other sites wait already.
    NewSite,
}

/// An image that is not taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Declined {
    pub(crate) cause: Cause,
    /// How long it would wait.
    pub(crate) wait: Duration,
    /// When the same image may be taken, from now; 1 at least.
    pub(crate) retry_after_s: u64,
    /// Sites that may have images waiting at a time.
    pub(crate) max_sites: usize,
}

impl Declined {
    /// What is too much will be gone in so many seconds.
    pub(super) fn new(cause: Cause, wait: Duration, surplus_s: f64, max_sites: usize) -> Self {
        let retry_after_s = (surplus_s.floor() + 1.0).clamp(1.0, LONGEST_RETRY_S) as u64;
        Self { cause, wait, retry_after_s, max_sites }
    }
}
