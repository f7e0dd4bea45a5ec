//! From messages of the log to rows, with the traces they belong to. Knows no database.

use std::time::Duration;

use hilum_events::DecodeError;
use hilum_log::Recorded;
use jiff::Timestamp;

use crate::domain::{Fact, Rows};
use crate::position::Position;

/// Older events are a replay; their traces are over.
const TRACE_WITHIN: Duration = Duration::from_secs(60);

/// What a batch writes, and the position it leads to.
pub(crate) fn rows_of(from: &Position, batch: &[Recorded]) -> (Rows, Position) {
    let mut rows = Rows::default();
    let mut to = from.clone();
    for recorded in batch {
        if let Err(error) = evolve(&mut rows, recorded) {
            park(&mut rows, recorded, &error.to_string());
        }
        to = to.after(recorded);
    }
    (rows, to)
}

/// Adds what a message says.
///
/// # Errors
/// It is nothing that this release knows.
pub(crate) fn evolve<'r>(rows: &mut Rows, recorded: &'r Recorded) -> Result<(), &'r DecodeError> {
    let envelope = recorded.content.as_ref()?;
    rows.evolve(&Fact {
        seq: recorded.seq,
        stored_at: recorded.stored_at,
        trace_id: recorded.trace_id(),
        envelope,
    });
    Ok(())
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
