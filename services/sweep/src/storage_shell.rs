//! The looks at object storage, for ever: which objects are there, whether each is what was stored, and what was left
//! unfinished. Each keeps in the storage how far it is, and after a failure goes on there soon.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use hilum_blobs::UnfinishedIn;
use hilum_log::StreamPosition;
use hilum_runtime::with_causes;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::domain::{Action, Discrepancy, due_position};
use crate::pace::signed;
use crate::service::{AlreadyNamed, Sweep, note_run};
use crate::storage::{
    Compared, Losses, Names, Record, StorageLookError, Stretch, compare, hash_on, healed, unfinished,
};

/// Note of readiness: objects can't be had, and no dead letter says so.
const STORED_OBJECTS: &str = "stored objects";
/// Notes on the looks, when one does not come on.
const NAMES: &str = "look at the names in storage";
const CONTENTS: &str = "look at the contents of storage";
const UNFINISHED: &str = "look for unfinished uploads";
/// Between two looks for what was left unfinished, and whether what was lost can be had again.
const HOUR: Duration = Duration::from_secs(3600);
/// A look that is this far behind is named in readiness.
const BEHIND: SignedDuration = SignedDuration::from_hours(24);
/// Between two tries after a failure: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

/// The part of the service that looks at object storage.
pub(crate) struct StorageSweep<'a> {
    sweep: &'a Sweep,
    /// Held while the record is read, changed and written: the looks go on side by side.
    noting: Mutex<()>,
}

/// How a turn of a look ended.
enum Turn {
    /// There is more to do at once.
    More,
    /// Nothing is due.
    Done,
    /// It did not come on, and why.
    Stuck(String),
}

impl<'a> StorageSweep<'a> {
    pub(crate) fn new(sweep: &'a Sweep) -> Self {
        Self { sweep, noting: Mutex::new(()) }
    }

    pub(crate) async fn run(&self) -> Infallible {
        let (every, hourly) = (self.sweep.pace.every, self.at_times());
        let (never, _, _) = tokio::join!(
            self.repeat(NAMES, every, async |said| self.compare_on(said).await),
            self.repeat(CONTENTS, every, async |said| self.hash_on(said).await),
            self.repeat(UNFINISHED, hourly, async |said| self.clear_up(said).await),
        );
        never
    }

    /// Takes turns: at once while there is more, after `every` when there is not, and soon after a failure.
    async fn repeat(
        &self,
        look: &'static str,
        every: Duration,
        turn: impl AsyncFn(&mut AlreadyNamed) -> Result<Turn, StorageLookError>,
    ) -> Infallible {
        let (mut said, mut pause) = (AlreadyNamed::default(), RETRY.0);
        loop {
            let wait = match turn(&mut said).await {
                Ok(Turn::More) => {
                    pause = RETRY.0;
                    Duration::ZERO
                }
                Ok(Turn::Done) => {
                    self.sweep.health.note(look, None);
                    pause = RETRY.0;
                    every
                }
                Ok(Turn::Stuck(why)) => self.stuck(look, why, &mut pause),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn Error, look, "failed; trying again");
                    self.stuck(look, with_causes(&error), &mut pause)
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Tells why a look did not come on, and how long to wait.
    fn stuck(&self, look: &'static str, why: String, pause: &mut Duration) -> Duration {
        self.sweep.health.note(look, Some(format!("{why}; it goes on where it stopped")));
        std::mem::replace(pause, (*pause * 2).min(RETRY.1))
    }

    /// Now and then, and not less often than the rest is looked at.
    fn at_times(&self) -> Duration {
        HOUR.min(self.sweep.pace.deep_every)
    }

    /// Compares the names of some objects, when that is due.
    async fn compare_on(&self, said: &mut AlreadyNamed) -> Result<Turn, StorageLookError> {
        let Sweep { log, blobs, pace, .. } = self.sweep;
        let (now, position) = (log.server_time().await?, log.position().await?);
        let before = Record::read(blobs, &position).await?.compared;
        if before.ended_at.is_some_and(|ended| !is_over(ended, now, pace.deep_every)) {
            return Ok(Turn::Done);
        }
        let names = Names::From { byte: before.next, most: pace.objects_at_a_time };
        let compared = compare(log, blobs, &names, signed(pace.unfinished_after), now).await?;
        let (losses, discrepancies, next) =
            (compared.losses, compared.discrepancies, compared.next.unwrap_or_default());
        let turn = self
            .conclude(&position, &losses, discrepancies, said, |record| {
                record.compared = Compared { next, ended_at: Some(now) };
            })
            .await?;
        if let Turn::Stuck(_) = turn {
            // To be looked at again as a whole.
            return Ok(turn);
        }
        note_run("storage");
        Ok(Turn::Done)
    }

    /// Reads as many objects as are due, or the first of them.
    async fn hash_on(&self, said: &mut AlreadyNamed) -> Result<Turn, StorageLookError> {
        let Sweep { log, blobs, pace, .. } = self.sweep;
        let (now, position) = (log.server_time().await?, log.position().await?);
        let mut record = Record::read(blobs, &position).await?;
        self.tell(&record, &position, now);
        self.see_what_is_healed(&mut record, &position, now).await?;
        let began_at = record.hashed.began_at.filter(|began_at| *began_at <= now).unwrap_or(now);
        let since = now.duration_since(began_at);
        let due = due_position(position.last_seq, since, signed(pace.hash_within));
        if record.hashed.position >= due {
            let is_round = since >= signed(pace.hash_within);
            if is_round || record.hashed.began_at != Some(began_at) {
                let _alone = self.noting.lock().await;
                record = Record::read(blobs, &position).await?;
                record.begin_round(if is_round { now } else { began_at }, is_round);
                record.write(blobs).await?;
            }
            return Ok(Turn::Done);
        }
        let stretch = Stretch {
            after_seq: record.hashed.position,
            last_seq: due,
            digits: String::new(),
            objects: (pace.objects_at_a_time as u64).div_ceil(1000),
            bytes_per_s: pace.hash_bytes_per_s,
        };
        let hashed = hash_on(log, blobs, &stretch).await;
        metrics::counter!("hilum_sweep_hashed_bytes_total").increment(hashed.size_bytes);
        let turn = self
            .conclude(&position, &hashed.losses, Vec::new(), said, |record| {
                record.hashed.position = hashed.position;
                record.hashed.objects += hashed.losses.objects;
            })
            .await?;
        hashed.stopped_by.map_or(Ok(turn), |error| Err(error.into()))
    }

    /// Removes what was left unfinished, save among the contents: that is seen when those are listed.
    async fn clear_up(&self, said: &mut AlreadyNamed) -> Result<Turn, StorageLookError> {
        let places = [UnfinishedIn::Incoming, UnfinishedIn::Records];
        let after = signed(self.sweep.pace.unfinished_after);
        let now = self.sweep.log.server_time().await?;
        let discrepancies = unfinished(&self.sweep.blobs, &places, after, now).await?;
        metrics::gauge!("hilum_sweep_unfinished_uploads").set(discrepancies.len() as f64);
        said.forget_others(&discrepancies);
        for discrepancy in &discrepancies {
            self.sweep.act_on(discrepancy, said).await;
        }
        Ok(Turn::Done)
    }

    /// Acts on what a look came to, and notes it. When something could not be done nothing is noted, and it is found again.
    async fn conclude(
        &self,
        position: &StreamPosition,
        losses: &Losses,
        mut discrepancies: Vec<Discrepancy>,
        said: &mut AlreadyNamed,
        note: impl FnOnce(&mut Record),
    ) -> Result<Turn, StorageLookError> {
        let Sweep { log, blobs, .. } = self.sweep;
        let _alone = self.noting.lock().await;
        let mut record = Record::read(blobs, position).await?;
        match losses.discrepancies(log, &mut record, log.server_time().await?).await? {
            Ok(lost) => discrepancies.extend(lost),
            Err(discrepancy) => {
                self.sweep.act_on(&discrepancy, said).await;
                return Ok(Turn::Stuck(discrepancy.reason));
            }
        }
        said.forget_others(&discrepancies);
        let mut is_done = true;
        for discrepancy in &discrepancies {
            is_done &= self.sweep.act_on(discrepancy, said).await || discrepancy.action != Action::Park;
        }
        if !is_done {
            return Ok(Turn::Stuck(
                "what was found could not be acted on; the log of hilum-sweep says why".to_owned(),
            ));
        }
        note(&mut record);
        record.write(blobs).await?;
        Ok(Turn::More)
    }

    /// Looks now and then whether what was lost can be had again.
    async fn see_what_is_healed(
        &self,
        record: &mut Record,
        position: &StreamPosition,
        now: Timestamp,
    ) -> Result<(), StorageLookError> {
        let blobs = &self.sweep.blobs;
        let is_due = record.looked_again_at.is_none_or(|before| is_over(before, now, self.at_times()));
        if record.lost.is_empty() || !is_due {
            return Ok(());
        }
        let healed = healed(blobs, record).await?;
        let _alone = self.noting.lock().await;
        *record = Record::read(blobs, position).await?;
        record.forget(&healed);
        record.looked_again_at = Some(now);
        Ok(record.write(blobs).await?)
    }

    fn tell(&self, record: &Record, position: &StreamPosition, now: Timestamp) {
        self.sweep.health.note(STORED_OBJECTS, record.note());
        for (what, count) in record.counts() {
            metrics::gauge!("hilum_sweep_lost_objects", "what" => what).set(count as f64);
        }
        let Some(began_at) = record.hashed.began_at else { return };
        let within = signed(self.sweep.pace.hash_within);
        let behind = now.duration_since(began_at).saturating_sub(within);
        metrics::gauge!("hilum_sweep_hash_behind_seconds").set(behind.as_secs_f64().max(0.0));
        metrics::gauge!("hilum_sweep_hashed_position").set(record.hashed.position as f64);
        if behind > BEHIND {
            let why = format!(
                "reading each object takes longer than it may, {} of {} positions were read in {} days; raise \
                 HILUM_SWEEP_HASH_MB_S or HILUM_SWEEP_HASH_DAYS",
                record.hashed.position,
                position.last_seq,
                now.duration_since(began_at).as_hours() / 24
            );
            self.sweep.health.note(CONTENTS, Some(why));
        }
    }
}

/// Whether `pause` has passed since `before`, or the clock was set back.
fn is_over(before: Timestamp, now: Timestamp, pause: Duration) -> bool {
    let since = now.duration_since(before);
    since.is_negative() || since >= signed(pause)
}
