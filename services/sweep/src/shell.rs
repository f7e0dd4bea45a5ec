//! The service: loops side by side, one that folds the log and looks at it, one that seals it, one that keeps how far its
//! consumers are, and those that look at object storage (`storage_shell`). All it knows follows from the log and the storage,
//! so it can be stopped at any moment.

use std::convert::Infallible;
use std::time::Duration;

use hilum_log::SEAL_RECORD;
use hilum_runtime::with_causes;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::floors::FloorKeeper;
use crate::seal::{BrokenSealError, KeepError, SealKeeper};
use crate::service::{AlreadyNamed, CAUGHT_UP, SEAL, Sweep, note_run};
use crate::storage_shell::StorageSweep;
use crate::sweeper::{LookError, Memory, Sweeper};

/// Note of readiness: where consumers stand is not kept.
const FLOORS: &str = "floors of consumers";
/// Between two tries at the start, to see the seal and to fold the log.
const RETRY: Duration = Duration::from_millis(500);

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

    fn not_sealed(&self, error: KeepError) -> Result<(), RunError> {
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
        let mut said = AlreadyNamed::default();
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

    async fn look(&self, sweeper: &mut Sweeper, said: &mut AlreadyNamed) -> Result<(), LookError> {
        let now = self.log.server_time().await?;
        let discrepancies = sweeper.look(now).await?;
        self.health.holds(CAUGHT_UP);
        said.forget_others(&discrepancies);
        for discrepancy in &discrepancies {
            if self.act_on(discrepancy, said).await {
                sweeper.note_done(discrepancy, self.log.clock().now().unwrap_or(now));
            }
        }
        note_run("log");
        Ok(())
    }
}

fn ticks(first: Duration, every: Duration) -> Interval {
    let mut ticks = tokio::time::interval_at(Instant::now() + first, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
