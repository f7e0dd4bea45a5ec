//! What the loops of the service share: its parts, and how each discrepancy is acted on and said.

use std::collections::HashSet;
use std::error::Error;

use hilum_blobs::BlobStore;
use hilum_log::Log;
use hilum_runtime::Health;
use jiff::Timestamp;

use crate::act::act;
use crate::domain::{Action, Discrepancy, Kind};
use crate::pace::Pace;

/// Condition of readiness: the log was folded to its end.
pub(crate) const CAUGHT_UP: &str = "caught up";
/// Condition of readiness: the log is the one that was sealed.
pub(crate) const SEAL: &str = "log fits its seal";

/// The service without its frame.
pub struct Sweep {
    pub(crate) log: Log,
    pub(crate) blobs: BlobStore,
    pub(crate) health: Health,
    pub(crate) pace: Pace,
}

impl Sweep {
    /// Puts the parts together; nothing runs yet.
    pub fn new(log: Log, blobs: BlobStore, health: Health, pace: Pace) -> Self {
        health.wait_for(CAUGHT_UP, "reading the event log");
        health.wait_for(SEAL, "not looked at yet");
        Self { log, blobs, health, pace }
    }

    /// Acts on a discrepancy and says so, once of each; `true` when it was done.
    pub(crate) async fn act_on(&self, discrepancy: &Discrepancy, said: &mut AlreadyNamed) -> bool {
        if discrepancy.action == Action::Name && !said.is_news(discrepancy) {
            return false;
        }
        let Discrepancy { kind, position, action, reason, .. } = discrepancy;
        let (job_id, reading_id) = (discrepancy.job_id.map(tracing::field::display), discrepancy.reading_id);
        let (kind, action) = (kind.as_str(), action.as_str());
        match act(&self.log, &self.blobs, discrepancy).await {
            Ok(true) => {}
            Ok(false) => return false,
            Err(error) => {
                let error: &dyn Error = &error;
                tracing::warn!(error, kind, position, reason, "could not act on a finding; trying again");
                return false;
            }
        }
        let reading_id = reading_id.map(tracing::field::display);
        tracing::warn!(kind, position, job_id, reading_id, action, reason, "found");
        metrics::counter!("hilum_sweep_findings_total", "kind" => kind, "action" => action.replace(' ', "_"))
            .increment(1);
        true
    }
}

/// What was named and still stands: it is news once.
#[derive(Default)]
pub(crate) struct AlreadyNamed(HashSet<Naming>);

/// What makes a named discrepancy the same as before; its sentence may count seconds.
type Naming = (Kind, Option<u64>, Option<String>);

impl AlreadyNamed {
    fn is_news(&mut self, discrepancy: &Discrepancy) -> bool {
        self.0.insert(naming(discrepancy))
    }

    pub(crate) fn forget_others(&mut self, discrepancies: &[Discrepancy]) {
        let still: HashSet<_> = discrepancies.iter().map(naming).collect();
        self.0.retain(|said| still.contains(said));
    }
}

fn naming(discrepancy: &Discrepancy) -> Naming {
    let reason = discrepancy.position.is_none().then(|| discrepancy.reason.clone());
    (discrepancy.kind, discrepancy.position, reason)
}

/// For whoever watches, by the clock that he compares it with: his own, hence this machine's.
pub(crate) fn note_run(look: &'static str) {
    let now = Timestamp::now().as_second() as f64;
    metrics::gauge!("hilum_sweep_last_run_timestamp_seconds", "look" => look).set(now);
}
