//! The service: loops side by side, one that folds the log and looks at it, one that seals it, one that keeps how far its
//! consumers are, and those that look at object storage (`storage_shell`). All it knows follows from the log and the storage,
//! so it can be stopped at any moment.

use std::collections::HashSet;
use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use hilum_blobs::BlobStore;
use hilum_log::{Log, SEAL_RECORD};
use hilum_runtime::{Health, with_causes};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::act::act;
use crate::domain::{Action, Finding, Kind, Limits};
use crate::floors::FloorKeeper;
use crate::seal::{BrokenSealError, SealKeeper};
use crate::storage_shell::StorageSweep;
use crate::sweeper::{LookError, Memory, Sweeper};

const CAUGHT_UP: &str = "caught up";
const SEAL: &str = "log fits its seal";
/// Note of readiness: where consumers stand is not kept.
const FLOORS: &str = "floors of consumers";
/// Between two tries at the start, to see the seal and to fold the log.
const RETRY: Duration = Duration::from_millis(500);

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

/// The service without its frame.
pub struct Sweep {
    pub(crate) log: Log,
    pub(crate) blobs: BlobStore,
    pub(crate) health: Health,
    pub(crate) pace: Pace,
}

/// The service must not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The log does not fit its seal.
    #[error("nothing is written to this log")]
    Seal(#[from] BrokenSealError),
    /// A newer release wrote to the log, or it is another one than was folded.
    #[error(transparent)]
    Look(LookError),
}

impl Sweep {
    /// Puts the parts together; nothing runs yet.
    pub fn new(log: Log, blobs: BlobStore, health: Health, pace: Pace) -> Self {
        health.wait_for(CAUGHT_UP, "reading the event log");
        health.wait_for(SEAL, "not looked at yet");
        Self { log, blobs, health, pace }
    }

    /// Sweeps until `shutdown`. Waits whenever the log or the storage is away.
    ///
    /// # Errors
    /// When the log does not fit its seal, or a newer release wrote to it.
    pub async fn run(&self, shutdown: &CancellationToken) -> Result<(), RunError> {
        tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            outcome = Box::pin(self.work(shutdown)) => match outcome {
                Err(error) => Err(error),
            },
        }
    }

    async fn work(&self, shutdown: &CancellationToken) -> Result<Infallible, RunError> {
        self.log.wait_until_usable(shutdown).await;
        self.log.is_sealed_by(self.blobs.record_reader(SEAL_RECORD));
        let seals = SealKeeper::new(self.log.clone(), self.blobs.clone());
        self.see_seal(&seals).await?;
        let storage = StorageSweep::new(self);
        tokio::select! {
            error = self.look_for_ever() => error,
            error = self.seal_for_ever(&seals) => error,
            never = self.keep_floors_for_ever() => match never {},
            never = Box::pin(storage.run()) => match never {},
        }
    }

    /// Nothing is repaired in a log that may not be ours.
    async fn see_seal(&self, seals: &SealKeeper) -> Result<(), RunError> {
        loop {
            let Err(error) = seals.check().await else { break };
            self.not_sealed(error)?;
            tokio::time::sleep(RETRY).await;
        }
        self.health.holds(SEAL);
        Ok(())
    }

    async fn seal_for_ever(&self, seals: &SealKeeper) -> Result<Infallible, RunError> {
        let mut ticks = ticks(Duration::ZERO, self.pace.seal_every);
        loop {
            ticks.tick().await;
            match seals.keep().await {
                Ok(()) => self.health.holds(SEAL),
                Err(error) => self.not_sealed(error)?,
            }
        }
    }

    async fn keep_floors_for_ever(&self) -> Infallible {
        let keeper = FloorKeeper::new(self.log.clone(), self.blobs.clone());
        let mut ticks = ticks(Duration::ZERO, self.pace.seal_every);
        loop {
            ticks.tick().await;
            let kept = keeper.keep().await;
            self.health.note(FLOORS, kept.err().map(|error| with_causes(&*error)));
        }
    }

    fn not_sealed(&self, error: crate::seal::KeepError) -> Result<(), RunError> {
        match error.unless_broken() {
            Ok(away) => {
                self.health.wait_for(SEAL, with_causes(&*away));
                Ok(())
            }
            Err(broken) => {
                self.health.wait_for(SEAL, with_causes(&broken));
                Err(broken.into())
            }
        }
    }

    async fn look_for_ever(&self) -> Result<Infallible, RunError> {
        let mut sweeper = Sweeper::new(self.log.clone(), self.pace.limits(), Memory::OfManyLooks);
        while let Err(error) = self.catch_up(&mut sweeper).await {
            self.wait_out(error)?;
            tokio::time::sleep(RETRY).await;
        }
        let mut ticks = ticks(Duration::ZERO, self.pace.every);
        let mut said = Said::default();
        loop {
            let outcome = tokio::select! {
                _ = ticks.tick() => self.look(&mut sweeper, &mut said).await,
                folded = sweeper.fold_on() => folded,
            };
            outcome.or_else(|error| self.wait_out(error))?;
            metrics::gauge!("hilum_sweep_open").set(sweeper.open_count() as f64);
        }
    }

    /// Folds what stands in the log at the start, and says how far it is.
    async fn catch_up(&self, sweeper: &mut Sweeper) -> Result<(), LookError> {
        let goal = self.log.position().await?.last_seq;
        while sweeper.last_seq() < goal {
            sweeper.fold_on().await?;
            self.health.progress(CAUGHT_UP, "folding the event log", sweeper.last_seq(), goal);
        }
        Ok(())
    }

    /// Says what is away; what does not come back by itself is an error.
    fn wait_out(&self, error: LookError) -> Result<(), RunError> {
        match error {
            LookError::Unavailable(away) => {
                self.health.wait_for(CAUGHT_UP, with_causes(&away));
                Ok(())
            }
            error @ LookError::Halted(_) => Err(RunError::Look(error)),
        }
    }

    async fn look(&self, sweeper: &mut Sweeper, said: &mut Said) -> Result<(), LookError> {
        let now = self.log.server_time().await?;
        let findings = sweeper.look(now).await?;
        self.health.holds(CAUGHT_UP);
        said.forget_others(&findings);
        for finding in &findings {
            if self.act_on(finding, said).await {
                sweeper.note_done(finding, self.log.clock().now().unwrap_or(now));
            }
        }
        note_run("log");
        Ok(())
    }

    /// Acts on a finding and says so, once of each; `true` when it was done.
    pub(crate) async fn act_on(&self, finding: &Finding, said: &mut Said) -> bool {
        if finding.action == Action::Name && !said.is_news(finding) {
            return false;
        }
        let Finding { kind, position, action, reason, .. } = finding;
        let (job_id, reading_id) = (finding.job_id.map(tracing::field::display), finding.reading_id);
        let (kind, action) = (kind.as_str(), action.as_str());
        match act(&self.log, &self.blobs, finding).await {
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
pub(crate) struct Said(HashSet<Naming>);

/// What makes a named finding the same as before; its sentence may count seconds.
type Naming = (Kind, Option<u64>, Option<String>);

impl Said {
    fn is_news(&mut self, finding: &Finding) -> bool {
        self.0.insert(naming(finding))
    }

    pub(crate) fn forget_others(&mut self, findings: &[Finding]) {
        let still: HashSet<_> = findings.iter().map(naming).collect();
        self.0.retain(|said| still.contains(said));
    }
}

fn naming(finding: &Finding) -> Naming {
    let reason = finding.position.is_none().then(|| finding.reason.clone());
    (finding.kind, finding.position, reason)
}

/// For whoever watches, by the clock that he compares it with: his own, hence this machine's.
pub(crate) fn note_run(look: &'static str) {
    let now = Timestamp::now().as_second() as f64;
    metrics::gauge!("hilum_sweep_last_run_timestamp_seconds", "look" => look).set(now);
}

fn ticks(first: Duration, every: Duration) -> Interval {
    let mut ticks = tokio::time::interval_at(Instant::now() + first, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
