//! Facts by their position: from memory when they were followed lately, else from the log. A report is made of facts that
//! came seconds ago; asking the log for each of them was a large part of what a report costs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hilum_events::{DecodeError, Event};
use hilum_log::{Log, Recorded, UnavailableError};

use crate::compose::StoredFact;
use crate::recent::{Recent, TracedFact};

/// What a fact takes besides its fields: the structs, the map's node, the trace; estimated.
const OVERHEAD_BYTES: usize = 1024;

/// Facts, however they are come by.
pub(crate) struct Facts {
    log: Log,
    recent: Mutex<Recent>,
}

/// A fact that was folded can't be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FactError {
    /// The log did not answer.
    #[error("cannot fetch the facts of a report")]
    Unavailable(#[from] UnavailableError),
    /// Nothing stands there any more.
    #[error("the report needs the event at position {seq}, which is missing")]
    Missing { seq: u64 },
    /// What was read before can't be read now.
    #[error("cannot read the event at position {seq}")]
    Unreadable { seq: u64, source: DecodeError },
}

impl Facts {
    /// Facts of `log`, of which the newest are kept within `remember_bytes`.
    pub(crate) fn new(log: Log, remember_bytes: usize) -> Self {
        Self { log, recent: Mutex::new(Recent::new(remember_bytes)) }
    }

    /// Takes a fact that was followed, to have it at hand if a report needs it.
    pub(crate) fn take(&self, recorded: Recorded) {
        let needed = recorded.envelope().is_some_and(|envelope| tells_of_images(&envelope.event));
        if !needed {
            return;
        }
        // In memory the fields take about the room that they take in the message; twice that is on the safe side.
        let size_bytes = 2 * recorded.payload_len() + OVERHEAD_BYTES;
        // It was decoded, or it would not be needed.
        let Ok(followed) = followed(recorded) else { return };
        self.recent().keep(followed, size_bytes);
    }

    /// The fact at position `seq`.
    ///
    /// # Errors
    /// When the log is away or does not say what it said.
    pub(crate) async fn at(&self, seq: u64) -> Result<Arc<TracedFact>, FactError> {
        if let Some(followed) = self.remembered(seq) {
            return Ok(followed);
        }
        metrics::counter!("hilum_report_facts_fetched_total").increment(1);
        let recorded = self.log.at(seq).await?.ok_or(FactError::Missing { seq })?;
        Ok(Arc::new(followed(recorded)?))
    }

    fn remembered(&self, seq: u64) -> Option<Arc<TracedFact>> {
        self.recent().get(seq)
    }

    /// Nothing panics while the lock is held, so what a poisoned one holds is whole.
    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets go of the message, whose bytes may hold a whole read buffer of the connection.
fn followed(recorded: Recorded) -> Result<TracedFact, FactError> {
    let trace = recorded.trace();
    let Recorded { seq, stored_at, content, .. } = recorded;
    let envelope = content.map_err(|source| FactError::Unreadable { seq, source })?;
    Ok(TracedFact { fact: Arc::new(StoredFact { seq, stored_at, envelope }), trace })
}

/// Whether a report may be made of such a fact.
fn tells_of_images(event: &Event) -> bool {
    !matches!(event, Event::ReportIssued(_) | Event::DeadLetterResolved(_))
}
