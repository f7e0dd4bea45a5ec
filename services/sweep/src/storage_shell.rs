//! The looks at object storage, for ever: which objects are there, whether each is what was stored, and what was left
//! unfinished. Each keeps in the storage how far it is, and after a failure goes on there soon.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use hilum_blobs::UnfinishedIn;
use hilum_log::StreamPosition;
use hilum_runtime::with_causes;
use jiff::{SignedDuration, Timestamp};

use crate::domain::{Finding, due_position};
use crate::shell::{Said, Sweep, note_run, signed};
use crate::storage::{Names, Record, StorageLookError, Stretch, compare, hash_on, healed, unfinished};

/// Note on objects that can't be had, of which no dead letter tells.
const STORED_OBJECTS: &str = "stored objects";
/// Notes on the looks, when one does not come on.
const NAMES: &str = "look at the names in storage";
const CONTENTS: &str = "look at the contents of storage";
const UNFINISHED: &str = "look for unfinished uploads";
/// Between two looks for what was left unfinished, and whether what was lost can be had again.
const HOUR: Duration = Duration::from_secs(3600);
/// A look that is so far behind is told.
const BEHIND: SignedDuration = SignedDuration::from_hours(24);
/// Between two tries after a failure: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

/// The part of the service that looks at object storage.
pub(crate) struct StorageSweep<'a> {
    sweep: &'a Sweep,
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
        Self { sweep }
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
        turn: impl AsyncFn(&mut Said) -> Result<Turn, StorageLookError>,
    ) -> Infallible {
        let (mut said, mut pause) = (Said::default(), RETRY.0);
        loop {
            let wait = match turn(&mut said).await {
                Ok(Turn::More) => Duration::ZERO,
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
    async fn compare_on(&self, said: &mut Said) -> Result<Turn, StorageLookError> {
        let Sweep { log, blobs, pace, .. } = self.sweep;
        let (now, position) = (log.server_time().await?, log.position().await?);
        let before = Record::read(blobs, &position).await?.compared;
        if before.ended_at.is_some_and(|ended| !is_over(ended, now, pace.deep_every)) {
            return Ok(Turn::Done);
        }
        let names = Names::From { byte: before.next, most: pace.objects_at_a_time };
        let mut compared = compare(log, blobs, &names, signed(pace.unfinished_after), now).await?;
        let mut record = Record::read(blobs, &position).await?;
        match compared.losses.findings(log, &mut record, now).await? {
            Ok(findings) => compared.findings.extend(findings),
            // To be looked at again as a whole.
            Err(finding) => return Ok(self.refuse(finding, said).await),
        }
        said.forget_others(&compared.findings);
        for finding in &compared.findings {
            self.sweep.act_on(finding, said).await;
        }
        record.compared.next = compared.next.unwrap_or_default();
        record.compared.ended_at = Some(now);
        record.write(blobs).await?;
        note_run("storage");
        Ok(Turn::Done)
    }

    /// Reads as many objects as are due, or the first of them.
    async fn hash_on(&self, said: &mut Said) -> Result<Turn, StorageLookError> {
        let Sweep { log, blobs, pace, .. } = self.sweep;
        let (now, position) = (log.server_time().await?, log.position().await?);
        let mut record = Record::read(blobs, &position).await?;
        self.tell(&record, &position, now);
        self.see_what_is_healed(&mut record, now).await?;
        let began_at = record.hashed.began_at.filter(|began_at| *began_at <= now).unwrap_or(now);
        let since = now.duration_since(began_at);
        let due = due_position(position.last_seq, since, signed(pace.hash_within));
        if record.hashed.position >= due {
            let is_round = since >= signed(pace.hash_within);
            if is_round || record.hashed.began_at != Some(began_at) {
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
        let mut record = Record::read(blobs, &position).await?;
        let findings = match hashed.losses.findings(log, &mut record, now).await? {
            Ok(findings) => findings,
            Err(finding) => return Ok(self.refuse(finding, said).await),
        };
        said.forget_others(&findings);
        for finding in &findings {
            self.sweep.act_on(finding, said).await;
        }
        record.hashed.position = hashed.position;
        record.hashed.objects += hashed.losses.objects;
        record.write(blobs).await?;
        hashed.stopped_by.map_or(Ok(Turn::More), |error| Err(error.into()))
    }

    /// Removes what was left unfinished, save among the contents: that is seen when those are listed.
    async fn clear_up(&self, said: &mut Said) -> Result<Turn, StorageLookError> {
        let places = [UnfinishedIn::Incoming, UnfinishedIn::Records];
        let after = signed(self.sweep.pace.unfinished_after);
        let now = self.sweep.log.server_time().await?;
        let findings = unfinished(&self.sweep.blobs, &places, after, now).await?;
        metrics::gauge!("hilum_sweep_unfinished_uploads").set(findings.len() as f64);
        said.forget_others(&findings);
        for finding in &findings {
            self.sweep.act_on(finding, said).await;
        }
        Ok(Turn::Done)
    }

    async fn see_what_is_healed(&self, record: &mut Record, now: Timestamp) -> Result<(), StorageLookError> {
        let blobs = &self.sweep.blobs;
        let is_due = record.looked_again_at.is_none_or(|before| is_over(before, now, self.at_times()));
        if record.lost.is_empty() || !is_due {
            return Ok(());
        }
        let healed = healed(blobs, record).await?;
        record.forget(&healed);
        record.looked_again_at = Some(now);
        Ok(record.write(blobs).await?)
    }

    async fn refuse(&self, finding: Finding, said: &mut Said) -> Turn {
        self.sweep.act_on(&finding, said).await;
        Turn::Stuck(finding.reason)
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
