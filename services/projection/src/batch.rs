//! From messages of the log to rows, with the traces they belong to. Knows no database.

use std::time::Duration;

use hilum_events::{DecodeError, Fact};
use hilum_log::{FoldHalt, FoldState, PositionedState, Recorded};
use jiff::Timestamp;

use crate::domain::Rows;
use crate::position::Position;

/// Older events are a replay; their traces are over.
const TRACE_WITHIN: Duration = Duration::from_secs(60);

impl FoldState for Rows {
    const UNREAD: &'static [&'static str] = &[];

    fn evolve(&mut self, fact: &Fact<'_>, message: &Recorded) {
        self.evolve(fact, message.trace_id());
    }

    fn pass_by(&mut self, message: &Recorded, why: &DecodeError) {
        park(self, message, &why.to_string());
    }

    /// What a later release wrote is set aside and folded once it is known: the tables need not wait for it.
    fn can_pass_by(_: &DecodeError) -> bool {
        true
    }
}

/// What a batch writes, and the position it leads to.
///
/// # Errors
/// When the fold must not go on.
pub(crate) fn rows_of(from: &Position, batch: &[Recorded]) -> Result<(Rows, Position), FoldHalt> {
    let mut folded = PositionedState::at(from.last_seq, Rows::default());
    let mut to = from.clone();
    for recorded in batch {
        folded.take(recorded)?;
        to = to.after(recorded);
    }
    Ok((folded.state, to))
}

/// Sets a message aside, loudly.
pub(crate) fn park(rows: &mut Rows, recorded: &Recorded, reason: &str) {
    tracing::error!(seq = recorded.seq, subject = recorded.subject, reason, "set aside in table unreadable");
    metrics::counter!("hilum_projection_unreadable_total").increment(1);
    rows.park(recorded.seq, &recorded.subject, reason);
}

/// A span that ends the event's trace here; lives until the rows are committed.
pub(crate) fn project_span(recorded: &Recorded, now: Option<Timestamp>) -> Option<tracing::Span> {
    let age = now?.duration_since(recorded.stored_at);
    if age.unsigned_abs() > TRACE_WITHIN {
        return None;
    }
    let span = tracing::info_span!("project", seq = recorded.seq);
    recorded.continue_trace_in(&span);
    Some(span)
}
