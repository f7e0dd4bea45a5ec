//! The loop: follow the log, fold batches into the tables, notify the requests that wait. Several copies may run: the
//! position in the database lets one of them through, the others stand by.

mod backfill;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hilum_log::{FoldHalt, HoleError, Log, OtherLog, Recorded, UnavailableError};
use hilum_retry::Attempts;
use hilum_runtime::{Health, with_causes};
use tokio_util::sync::CancellationToken;

use self::backfill::Backfill;
use crate::batch::{park, project_span, rows_of};
use crate::domain::Rows;
use crate::pace::Pace;
use crate::position::{Mismatch, Position};
use crate::progress::{Progress, Touched};
use crate::store::{Store, StoreError};

/// Messages folded in one transaction.
const BATCH_MAX: usize = 500;
/// After this time without a message, log and tables are looked at.
const IDLE_CHECK: Duration = Duration::from_secs(2);
/// How often a standing-by copy looks at the position.
const STANDBY_POLL: Duration = Duration::from_millis(200);
/// A copy that stands by takes over when the position lags behind the log unmoved for so long.
const TAKE_OVER_AFTER: Duration = Duration::from_secs(2);
const RETRY: Attempts = Attempts {
    first_wait: Duration::from_millis(200),
    longest_wait: Duration::from_secs(5),
    give_up_after: Duration::MAX,
};

/// Conditions of readiness.
const DATABASE: &str = "database";
const LOG: &str = "log";
const CAUGHT_UP: &str = "projection";
/// A note of readiness.
const UNREADABLE: &str = "unreadable";

/// The fold and all it needs.
#[derive(Clone)]
pub struct Projection {
    /// Where rows go.
    pub store: Store,
    /// Where events come from.
    pub log: Log,
    /// Notified of each batch that was folded.
    pub progress: Progress,
    /// What `/readyz` says.
    pub health: Health,
}

/// A batch in the tables.
struct Folded {
    to: Position,
    touched: Touched,
    /// Whether any of it could not be folded.
    set_aside: bool,
}

/// Folding was interrupted; it begins again from the position in the database.
#[derive(Debug, thiserror::Error)]
enum FoldError {
    #[error(transparent)]
    Log(#[from] UnavailableError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    #[error(transparent)]
    OtherLog(#[from] OtherLog),
    #[error(transparent)]
    Halted(#[from] FoldHalt),
}

impl Projection {
    /// Folds until `shutdown`. Waits whenever log or database are away, and refuses to write as long as the
    /// log is not the one that was folded before.
    pub async fn run(&self, shutdown: &CancellationToken) {
        self.health.wait_for(DATABASE, "not looked at yet");
        self.health.wait_for(LOG, "not looked at yet");
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            let begun = Instant::now();
            // A transaction cut off here is rolled back, or was committed as a whole.
            let error = tokio::select! {
                () = shutdown.cancelled() => return,
                Err(error) = self.session() => error,
            };
            failures = if begun.elapsed() > RETRY.longest_wait { 1 } else { failures + 1 };
            self.say_why(&error);
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(RETRY.wait_before(failures + 1)) => {}
            }
        }
    }

    /// From looking at the database to the first error.
    async fn session(&self) -> Result<Infallible, FoldError> {
        self.progress.restart();
        self.store.prepare().await?;
        self.health.holds(DATABASE);
        let mut position = self.begin().await?;
        self.fold_late().await?;
        let goal = self.log.position().await?.last_seq;
        loop {
            self.tell_unreadable().await?;
            self.tell(&position, goal, Touched::Anything);
            self.lead(position, goal).await?;
            position = self.stand_by(goal).await?;
        }
    }

    /// The position to go on from, if the log is still the one that was folded.
    async fn begin(&self) -> Result<Position, FoldError> {
        let log = self.log.position().await?;
        let position = self.store.position(&log.epoch).await?;
        self.remember(&position);
        position.check_log(&log)?;
        if position.last_seq > 0 {
            let last = self.log.at(position.last_seq).await?;
            position.check_last(last.as_ref().and_then(Recorded::envelope).map(|e| e.event_id))?;
        }
        self.health.holds(LOG);
        Ok(position)
    }

    /// No operator's decision is appended from here to a log that lacks what the tables know.
    fn remember(&self, position: &Position) {
        self.log.remember(position.last_seq, position.last_event_id);
    }

    /// Folds once more what could not be folded before: a later release may know it, or its tables may take it.
    async fn fold_late(&self) -> Result<(), FoldError> {
        for seq in self.store.unreadable().await? {
            let Some(recorded) = self.log.at(seq).await? else { continue };
            if recorded.content.is_err() {
                continue;
            }
            let (rows, _) = rows_of(&Position::start(""), std::slice::from_ref(&recorded))?;
            match self.store.write_late(seq, &rows).await {
                Ok(()) => {
                    tracing::info!(seq, subject = recorded.subject, "folded what could not be folded before")
                }
                Err(error) if error.is_bad_data() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Says what the tables lack, as long as they do.
    async fn tell_unreadable(&self) -> Result<(), StoreError> {
        let unreadable = self.store.unreadable().await?;
        metrics::gauge!("hilum_projection_unreadable").set(unreadable.len() as f64);
        let note = unreadable.first().map(|first| {
            let count = unreadable.len();
            format!("{count} of the log's messages are not in the tables, the first at position {first}: table unreadable says why; upgrade, or mend the tables, and start hilum-projection again")
        });
        self.health.note(UNREADABLE, note);
        Ok(())
    }

    /// Folds batch after batch until another copy moves the position.
    async fn lead(&self, mut position: Position, goal: u64) -> Result<(), FoldError> {
        let mut follower = self.log.follow(position.last_seq, &[]).behind(position.last_event_id);
        let (mut pace, mut backfill) = (Pace::new(Instant::now()), Backfill::start());
        loop {
            self.fill(&mut backfill).await?;
            let patience = if backfill.is_done() { IDLE_CHECK } else { Duration::ZERO };
            let batch = tokio::time::timeout(patience, follower.next_batch(BATCH_MAX)).await;
            let log = self.log.position().await?;
            position.check_log(&log)?;
            self.tell_hole();
            let Ok(batch) = batch else {
                if self.store.peek().await? != position {
                    return Ok(());
                }
                report_lag(&position, log.last_seq);
                continue;
            };
            let batch = batch?;
            let begun = Instant::now();
            let far_behind = batch.last().is_some_and(|last| last.pending > BATCH_MAX as u64);
            let touched = match self.fold(&position, &batch).await? {
                Some(folded) => {
                    position = folded.to;
                    self.remember(&position);
                    if folded.set_aside {
                        self.tell_unreadable().await?;
                    }
                    folded.touched
                }
                None => return Ok(()),
            };
            self.tell(&position, goal, touched);
            report_lag(&position, log.last_seq);
            let next = pace.after(begun, Instant::now());
            if !far_behind {
                tokio::time::sleep_until(next.into()).await;
            }
        }
    }

    /// Says where the log can't be read any further.
    fn tell_hole(&self) {
        match self.log.hole() {
            Some(gap) => self.health.wait_for(LOG, HoleError(gap).to_string()),
            None => self.health.holds(LOG),
        }
    }

    /// Watches another copy fold, until it stops while there is something to fold.
    async fn stand_by(&self, goal: u64) -> Result<Position, FoldError> {
        tracing::info!("another projection folds; standing by");
        // Its leader fills in.
        self.progress.filled();
        let mut seen = self.begin().await?;
        self.tell(&seen, goal, Touched::Anything);
        let mut stuck_since: Option<Instant> = None;
        loop {
            tokio::time::sleep(STANDBY_POLL).await;
            let position = self.store.peek().await?;
            let log = self.log.position().await?;
            position.check_log(&log)?;
            report_lag(&position, log.last_seq);
            if position != seen {
                self.tell(&position, goal, Touched::Anything);
                seen = position;
                stuck_since = None;
            } else if log.last_seq == seen.last_seq {
                stuck_since = None;
            } else if stuck_since.get_or_insert_with(Instant::now).elapsed() > TAKE_OVER_AFTER {
                tracing::info!(position = seen.last_seq, "nobody folds; taking over");
                return Ok(seen);
            }
        }
    }

    /// Folds one batch; `None` if another copy moved the position before.
    async fn fold(&self, from: &Position, batch: &[Recorded]) -> Result<Option<Folded>, FoldError> {
        let begun = Instant::now();
        let now = self.log.clock().now();
        let _spans: Vec<_> = batch.iter().filter_map(|recorded| project_span(recorded, now)).collect();
        let (rows, to) = rows_of(from, batch)?;
        let folded = match self.store.write(from, &to, &rows).await {
            Ok(true) => {
                let set_aside = !rows.unreadable.is_empty();
                Some(Folded { to, touched: Touched::Only(Arc::new(rows.changed())), set_aside })
            }
            Ok(false) => None,
            Err(error) if error.is_bad_data() => self.fold_one_by_one(from, batch).await?,
            Err(error) => return Err(error.into()),
        };
        metrics::histogram!("hilum_projection_batch_size").record(batch.len() as f64);
        metrics::histogram!("hilum_projection_fold_seconds").record(begun.elapsed());
        Ok(folded)
    }

    /// Finds the message that the database refuses and sets it aside; the others must not wait for it.
    async fn fold_one_by_one(
        &self,
        from: &Position,
        batch: &[Recorded],
    ) -> Result<Option<Folded>, FoldError> {
        let mut from = from.clone();
        for recorded in batch {
            let (rows, to) = rows_of(&from, std::slice::from_ref(recorded))?;
            let written = match self.store.write(&from, &to, &rows).await {
                Err(error) if error.is_bad_data() => {
                    let mut rows = Rows::default();
                    park(&mut rows, recorded, &with_causes(&error));
                    self.store.write(&from, &to, &rows).await?
                }
                outcome => outcome?,
            };
            if !written {
                return Ok(None);
            }
            from = to;
        }
        Ok(Some(Folded { to: from, touched: Touched::Anything, set_aside: true }))
    }

    fn tell(&self, position: &Position, goal: u64, touched: Touched) {
        self.progress.advance(position.last_seq, touched);
        if position.last_seq >= goal {
            self.health.holds(CAUGHT_UP);
        } else {
            self.health.progress(CAUGHT_UP, "folding the event log", position.last_seq, goal);
        }
    }

    fn say_why(&self, error: &FoldError) {
        let condition = match error {
            FoldError::Store(_) => DATABASE,
            FoldError::Log(_) | FoldError::Mismatch(_) | FoldError::OtherLog(_) | FoldError::Halted(_) => LOG,
        };
        self.health.wait_for(condition, with_causes(error));
    }
}

fn report_lag(position: &Position, log_last_seq: u64) {
    metrics::gauge!("hilum_projection_position").set(position.last_seq as f64);
    metrics::gauge!("hilum_projection_lag").set(log_last_seq.saturating_sub(position.last_seq) as f64);
}
