//! How the service paces its work.

use std::time::Duration;

use jiff::SignedDuration;

use crate::domain::Limits;

/// How the service paces its work.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// A message that was settled must have led to something by then.
    pub after: Duration,
    /// How long the report service waits for more images of a study.
    pub quiet: Duration,
    /// Between two looks at the log.
    pub every: Duration,
    /// Between two comparisons of the log with object storage.
    pub deep_every: Duration,
    /// Each object in storage is read and hashed within this time.
    pub hash_within: Duration,
    /// So many bytes a second at most are read for that.
    pub hash_bytes_per_s: f64,
    /// What is unfinished in storage is removed when it was not written to for so long.
    pub unfinished_after: Duration,
    /// So many objects are listed at a time, and a thousandth of them are read at a time.
    pub objects_at_a_time: usize,
    /// Between two seals.
    pub seal_every: Duration,
}

impl Pace {
    pub(crate) fn limits(&self) -> Limits {
        Limits { after: signed(self.after), quiet: signed(self.quiet) }
    }
}

pub(crate) fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
