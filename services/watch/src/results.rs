//! Results beside the upload: what the newest report of its study says of an object is written into its bucket, under a key made of
//! its own. Each watch that wants that follows the reports of the log by itself, so that a bucket that fails keeps no other waiting;
//! where it stands is a record in object storage. What is written again is the same, or newer.

mod document;

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hilum_blobs::{BlobStore, Bucket, BucketError, GetError, PutError};
use hilum_events::{Event, JobId, ReportIssued, all_reports_filter, study_reports_filter};
use hilum_log::{Log, UPLOADED_OBJECTS, UnavailableError, UploadedObject, uploaded_object_subject};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::identity::{job_of, job_of_entry};
use crate::watches::{ResultsPlace, Watch};

/// Between two notes of how far it came.
const NOTE_EVERY: Duration = Duration::from_secs(5);
/// Before what failed is tried again, at first and at most.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// Writes the results of one watch.
pub(crate) struct ResultWriter {
    log: Log,
    store: BlobStore,
    bucket: Bucket,
    watch: String,
    /// The name of the bucket.
    bucket_name: String,
    place: ResultsPlace,
}

/// Why a result is not written yet.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Log(#[from] UnavailableError),
    #[error("the report can't be had")]
    Report(#[from] GetError),
    #[error("cannot write the result into its bucket: {0}")]
    Bucket(#[from] BucketError),
    #[error("cannot note how far the results are written")]
    Note(#[from] PutError),
}

impl WriteError {
    /// Whether trying again can't help.
    fn is_permanent(&self) -> bool {
        match self {
            Self::Bucket(error) => *error == BucketError::Unaddressable,
            Self::Report(error) => !error.is_transient(),
            Self::Log(_) | Self::Note(_) => false,
        }
    }
}

impl ResultWriter {
    /// One for `watch`, if it wants results.
    pub(crate) fn of(watch: &Watch, log: &Log, store: &BlobStore, bucket: &Bucket) -> Option<Self> {
        let place = watch.results.clone()?;
        let (log, store, bucket) = (log.clone(), store.clone(), bucket.clone());
        let (watch, bucket_name) = (watch.name.clone(), watch.bucket.clone());
        Some(Self { log, store, bucket, watch, bucket_name, place })
    }

    /// Writes until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let following = async {
            let begun = self.until_done(async || self.begin().await).await;
            let mut follower = self.log.follow(begun.unwrap_or_default(), &[&all_reports_filter()]);
            let mut noted = Instant::now();
            loop {
                let recorded = follower.next().await;
                // What a later release writes is not understood, and its report neither.
                if let Ok(envelope) = recorded.content
                    && let Event::ReportIssued(issued) = envelope.event
                {
                    let jobs = self.until_done(async || self.concerned(&issued).await).await;
                    for job_id in jobs.unwrap_or_else(|| issued.job_ids.clone()) {
                        self.until_done(async || self.write(job_id, &issued).await).await;
                    }
                }
                if noted.elapsed() > NOTE_EVERY {
                    self.until_done(async || self.note(recorded.seq).await).await;
                    noted = Instant::now();
                }
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = following => {}
        }
    }

    /// Tries until it is done; `None` when it never will be.
    async fn until_done<T>(&self, act: impl AsyncFn() -> Result<T, WriteError>) -> Option<T> {
        let [mut wait, longest] = AGAIN;
        loop {
            let error = match act().await {
                Ok(done) => return Some(done),
                Err(error) => error,
            };
            if error.is_permanent() {
                tracing::error!(error = &error as &dyn Error, watch = self.watch, "a result is not written");
                return None;
            }
            tracing::warn!(error = &error as &dyn Error, watch = self.watch, ?wait, "a result waits");
            sleep(wait).await;
            wait = (wait * 2).min(longest);
        }
    }

    /// The position behind which it begins: where it stood; at first the end of the log as it is now.
    async fn begin(&self) -> Result<u64, WriteError> {
        let noted = self.store.read_record(&self.record()).await?;
        let noted = noted.and_then(|noted| std::str::from_utf8(&noted).ok()?.parse().ok());
        if let Some(position) = noted {
            return Ok(position);
        }
        let position = self.log.position().await?.last_seq;
        self.note(position).await?;
        Ok(position)
    }

    async fn note(&self, position: u64) -> Result<(), WriteError> {
        Ok(self.store.write_record(&self.record(), Bytes::from(position.to_string())).await?)
    }

    fn record(&self) -> String {
        format!("watch-results-{}", self.watch)
    }

    /// Writes what is said of a job, if it is an object of this watch.
    async fn write(&self, job_id: JobId, issued: &ReportIssued) -> Result<(), WriteError> {
        let named = self.log.newest(UPLOADED_OBJECTS, &uploaded_object_subject(job_id)).await?;
        let named = named.and_then(|named| ciborium::from_reader::<UploadedObject, _>(&named[..]).ok());
        let Some(object) = named.filter(|object| object.watch == self.watch) else { return Ok(()) };
        if !self.is_still_there(job_id, &object).await? {
            tracing::info!(watch = self.watch, %job_id, "another object lies under its key: no result of the old one");
            return Ok(());
        }
        // Another copy may write a newer one meanwhile: then that is written again, after this.
        let mut written = 0;
        loop {
            let newest = self.newest(issued).await?;
            if newest.revision <= written {
                break;
            }
            let report = self.store.get(&newest.json).await?;
            match document::of(&report, job_id) {
                Some(document) => {
                    self.bucket.write(&self.place.key_of(&object.key, object.entry), document).await?
                }
                None => tracing::error!(%job_id, "the report says nothing of its image: no result"),
            }
            written = newest.revision;
        }
        metrics::counter!("hilum_watch_results_total", "watch" => self.watch.clone()).increment(1);
        Ok(())
    }

    /// Whether the object of a job lies under its key, or nothing does: the result of one must not be taken for that of another
    /// that was put in its place.
    async fn is_still_there(&self, job_id: JobId, object: &UploadedObject) -> Result<bool, WriteError> {
        let lies_there = match self.bucket.look_at(&object.key).await {
            Ok(found) => job_of(&self.bucket_name, &found),
            Err(BucketError::Missing) => return Ok(true),
            Err(error) => return Err(error.into()),
        };
        let lies_there = match object.entry {
            Some(number) => lies_there.map(|archive| job_of_entry(archive, number)),
            None => lies_there,
        };
        Ok(lies_there == Some(job_id))
    }

    /// The jobs that a report tells of: its images, and those that were taken out of the study.
    async fn concerned(&self, issued: &ReportIssued) -> Result<Vec<JobId>, WriteError> {
        let mut jobs = issued.job_ids.clone();
        if issued.doubts.iter().any(|doubt| doubt.code == document::TAKEN_OUT) {
            jobs.extend(document::taken_out(&self.store.get(&issued.json).await?));
        }
        Ok(jobs)
    }

    /// The newest revision of the same report.
    async fn newest(&self, issued: &ReportIssued) -> Result<ReportIssued, WriteError> {
        let newest = self.log.last(&study_reports_filter(issued.study_id)).await?;
        let newest = newest.and_then(|recorded| recorded.content.ok());
        Ok(match newest.map(|envelope| envelope.event) {
            Some(Event::ReportIssued(newest)) if newest.revision > issued.revision => newest,
            _ => issued.clone(),
        })
    }
}
