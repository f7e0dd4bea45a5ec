//! Lists what is watched, at the start and then again and again, and puts in the queue what was never notified. A page of the list
//! costs one request; objects that were looked up before cost nothing more.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use hilum_blobs::{BlobStore, Bucket, BucketError, ForeignObject, GetError, PutError};
use hilum_log::{NOTIFICATIONS, Notification, UnavailableError};
use hilum_runtime::{Health, with_causes};
use jiff::Timestamp;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::identity::job_of;
use crate::inlet::Inlet;
use crate::look::{Look, Mark};
use crate::memory::Memory;
use crate::object::{ObjectTaker, is_seen};
use crate::watches::{Watch, Watches};

/// Objects that are looked up at a time.
const AT_ONCE: usize = 16;
/// While more notifications wait, no more are made.
const MOST_WAITING: u64 = 10_000;
/// Between two looks at how many wait.
const LOOK_AT_QUEUE_EVERY: Duration = Duration::from_secs(1);
/// A file that was written to since may not be whole. Objects of S3 always are.
const SETTLED_AFTER: Duration = Duration::from_secs(10);

/// What the sweeps of all watches need.
pub(crate) struct Sweep {
    /// What is done with, and where that is asked.
    pub taker: ObjectTaker,
    /// Where what was found goes.
    pub inlet: Inlet,
    /// What is watched.
    pub watches: Arc<Watches>,
    /// Hilum's own storage, for what is remembered.
    pub store: BlobStore,
    /// Where it is said that a watch can't be listed.
    pub health: Health,
    /// Between two looks.
    pub every: Duration,
    /// How far back listed objects are looked up again.
    pub overlap: Duration,
    /// What was put in the queue by a look.
    pub queued: Memory,
}

/// A look did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError {
    /// The bucket can't be listed.
    #[error("the bucket can't be listed")]
    Bucket(#[from] BucketError),
    /// The queue or the log is away.
    #[error("the queue of notifications is away")]
    Queue(#[from] UnavailableError),
    /// What is remembered can't be read.
    #[error("cannot read how far the last look was")]
    Read(#[from] GetError),
    /// What is to be remembered can't be written.
    #[error("cannot write how far the look was")]
    Write(#[from] PutError),
}

/// Note of readiness.
const LISTS: &str = "lists of watched buckets";

impl Sweep {
    /// Looks until `shutdown`, at one watch after the other.
    pub(crate) async fn run(self, shutdown: &CancellationToken) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let mut failed = Vec::new();
            for watch in &self.watches.watches {
                let looked = tokio::select! {
                    () = shutdown.cancelled() => return,
                    looked = self.look(watch) => looked,
                };
                match looked {
                    Ok(()) => {
                        let now = Timestamp::now().as_second() as f64;
                        metrics::gauge!("hilum_watch_last_list_timestamp_seconds", "watch" => watch.name.clone()).set(now);
                    }
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn Error, watch = watch.name, "a list broke off");
                        failed.push(format!("{}: {}", watch.name, with_causes(&error)));
                    }
                }
            }
            self.health.note(LISTS, (!failed.is_empty()).then(|| failed.join("; ")));
        }
    }

    /// One look through the list of a watch. How far it was is remembered once it is through.
    async fn look(&self, watch: &Watch) -> Result<(), SweepError> {
        let Some(bucket) = self.taker.buckets.get(&watch.name) else { return Ok(()) };
        let record = Mark::record_of(watch);
        let kept = self.store.read_record(&record).await?;
        // One that can't be read is as none: the look is at everything, which is harmless.
        let mark = kept.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut look = Look::begin(watch, mark, self.overlap);
        let mut pages = bucket.pages(&watch.prefix);
        while let Some(mut page) = pages.try_next().await? {
            metrics::counter!("hilum_watch_listed_total", "watch" => watch.name.clone())
                .increment(page.len() as u64);
            // One that may not be whole is as if it were not there.
            page.retain(|object| is_settled(watch, object) && look.wants(object));
            let found = page.into_iter().map(|object| self.look_up(watch, bucket, object));
            let found = stream::iter(found).buffer_unordered(AT_ONCE);
            let found = found.try_fold(0, async |found, was_new| Ok(found + u64::from(was_new))).await?;
            if found > 0 {
                tracing::info!(watch = watch.name, found, "objects that were not notified");
                metrics::counter!("hilum_watch_found_total", "watch" => watch.name.clone()).increment(found);
                self.wait_for_queue().await?;
            }
        }
        if let Some(mark) = look.end() {
            let bytes = serde_json::to_vec(&mark).expect("it is text and a time");
            self.store.write_record(&record, bytes.into()).await?;
        }
        Ok(())
    }

    /// Puts an object in the queue unless it is done with; whether it did.
    async fn look_up(
        &self,
        watch: &Watch,
        bucket: &Bucket,
        object: ForeignObject,
    ) -> Result<bool, SweepError> {
        // Some stores tell the tag only of a single object.
        let object = match &object.e_tag {
            Some(_) => object,
            None => match bucket.look_at(&object.key).await {
                Ok(object) => object,
                Err(BucketError::Missing | BucketError::Unaddressable) => return Ok(false),
                Err(error) => return Err(error.into()),
            },
        };
        let Some(job_id) = job_of(&watch.bucket, &object) else { return Ok(false) };
        if self.taker.done.has(job_id) || self.queued.has(job_id) {
            return Ok(false);
        }
        if is_seen(&self.taker.log, job_id).await? {
            self.taker.done.add(job_id);
            return Ok(false);
        }
        let notification = Notification {
            bucket: watch.bucket.clone(),
            key: object.key,
            e_tag: object.e_tag,
            version: None,
            size_bytes: Some(object.size_bytes),
            wanted_again: false,
        };
        self.inlet.queue(watch, &notification).await?;
        self.queued.add(job_id);
        Ok(true)
    }

    async fn wait_for_queue(&self) -> Result<(), UnavailableError> {
        while self.taker.log.held_in(NOTIFICATIONS).await? > MOST_WAITING {
            tokio::time::sleep(LOOK_AT_QUEUE_EVERY).await;
        }
        Ok(())
    }
}

/// Whether an object is whole. A file of this machine is compared with this machine's clock, which wrote its time, too.
fn is_settled(watch: &Watch, object: &ForeignObject) -> bool {
    if !watch.store.url.starts_with("file://") {
        return true;
    }
    let Ok(now) = Timestamp::try_from(SystemTime::now()) else { return true };
    now.duration_since(object.modified_at).unsigned_abs() >= SETTLED_AFTER
}
