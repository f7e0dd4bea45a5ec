//! What the server does not do for this process now, so that readiness can say it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::UnavailableError;
use super::trouble::{Trouble, sentence};

/// The refusals that stand. One is forgotten when the server does it again, or was not asked for a while.
#[derive(Debug, Default)]
pub(crate) struct Standing(Mutex<BTreeMap<&'static str, (Instant, String)>>);

/// Whatever is refused is asked again sooner than this.
const STANDS_FOR: Duration = Duration::from_secs(60);

impl Standing {
    /// Notes how it went with `what`. A server that is away takes back nothing of what it has refused.
    pub(crate) fn note<T>(&self, what: &'static str, outcome: &Result<T, UnavailableError>) {
        match outcome {
            Ok(_) => self.holds(what),
            Err(error) if error.trouble() == Trouble::Away => {}
            Err(error) => self.fails(what, sentence(error)),
        }
    }

    pub(crate) fn holds(&self, what: &'static str) {
        if self.lock().remove(what).is_some() {
            tracing::info!(what, "the server does it again");
        }
    }

    /// Said in the process's log when it is news.
    pub(crate) fn fails(&self, what: &'static str, why: String) {
        let before = self.lock().insert(what, (Instant::now(), why.clone()));
        if before.is_none() {
            tracing::error!(what, why, "the server does not do what is asked of it");
        }
    }

    /// # Errors
    /// The refusals that stand, as a sentence.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut standing = self.lock();
        standing.retain(|_, (at, _)| at.elapsed() < STANDS_FOR);
        let words: Vec<_> = standing.values().map(|(_, why)| why.as_str()).collect();
        if words.is_empty() { Ok(()) } else { Err(words.join("; ")) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, (Instant, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
