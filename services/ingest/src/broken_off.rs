//! Uploads whose sender went away before there was an answer.

use hilum_api::ProblemType;
use hilum_intake::count_refused;

/// Counts an upload whose sender is gone before there was an answer for it, unless it is kept from that.
pub(crate) struct CountsIfBrokenOff(bool);

impl CountsIfBrokenOff {
    /// Begins to watch the request: when its sender goes away, the server drops it half way.
    pub(crate) fn begin() -> Self {
        Self(true)
    }

    /// There is an answer, which counts for itself.
    pub(crate) fn answered(mut self) {
        self.0 = false;
    }
}

impl Drop for CountsIfBrokenOff {
    fn drop(&mut self) {
        if self.0 {
            let word = ProblemType::BrokenOff.slug();
            tracing::info!(refusal = word, "request refused");
            count_refused(word);
        }
    }
}
