//! The state of all studies in the frame of a fold.

use hilum_events::{DecodeError, Fact};
use hilum_log::{FoldState, Recorded};

use crate::domain::{State, UNREAD, evolve};

impl FoldState for State {
    const UNREAD: &'static [&'static str] = &UNREAD;

    fn evolve(&mut self, fact: &Fact<'_>, _: &Recorded) {
        evolve(self, fact);
    }

    fn pass_by(&mut self, message: &Recorded, why: &DecodeError) {
        let (error, seq): (&dyn std::error::Error, _) = (why, message.seq);
        if let DecodeError::Unknown { .. } = why {
            metrics::counter!("hilum_report_unknown_events_total").increment(1);
            tracing::warn!(error, seq, "passed by: says nothing of reports");
        } else {
            // No release will ever read it, so it says nothing of any study.
            metrics::counter!("hilum_report_unreadable_events_total").increment(1);
            tracing::error!(error, seq, "skipped what is not an event");
        }
    }
}
