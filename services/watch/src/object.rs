//! Takes in one object: fetched in the state that was notified, given to the intake, durable before anything is settled.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, TryStreamExt as _};
use hilum_api::ProblemType;
use hilum_blobs::{Bucket, BucketError, FetchedObject, WantedState};
use hilum_events::{ImageSource, JobId, Way, job_image_filter};
use hilum_faults::reach;
use hilum_intake::{Admitted, Intake, Refusal, Upload};
use hilum_log::{
    Log, Notification, SEEN_OBJECTS, UnavailableError, UploadedObject, encoded, seen_object_subject,
    uploaded_object_subject,
};
use hilum_runtime::BodyFault;
use tokio::sync::Semaphore;

use crate::identity::job_of;
use crate::look::is_content;
use crate::memory::Memory;
use crate::setback::Setback;
use crate::unpack::{Unpacking, begins_as_zip};
use crate::watches::{Meaning, Watch};

/// What becomes of an object that holds no picture.
const IGNORED: &str = "ignored";

/// The bytes of an object.
pub(crate) type Pieces = BoxStream<'static, Result<Bytes, BucketError>>;

/// Takes objects in. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ObjectTaker {
    /// Where what was taken stands.
    pub log: Log,
    /// Where images go.
    pub intake: Intake,
    /// By the name of their watch.
    pub buckets: Arc<HashMap<String, Bucket>>,
    /// What is done with.
    pub done: Memory,
    /// How archives are unpacked.
    pub unpacker: Unpacker,
}

/// Where and how archives are unpacked. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Unpacker {
    /// Where an archive lies meanwhile.
    pub folder: Arc<Path>,
    /// The longest one.
    pub max_bytes: u64,
    /// One at a time.
    pub turn: Arc<Semaphore>,
}

/// A notification that was handed out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handed<'a> {
    /// What it says.
    pub notification: &'a Notification,
    /// How often it was handed out; never while its store waits.
    pub deliveries: u64,
    /// Its position in the queue, or our id of the request it came with.
    pub transfer: &'a str,
}

impl ObjectTaker {
    /// Takes the object in, and counts how that ended; it is durable when this returns.
    ///
    /// # Errors
    /// Why it was not taken in.
    pub(crate) async fn take(&self, watch: &Watch, handed: Handed<'_>) -> Result<(), Setback> {
        let begun = Instant::now();
        let outcome = self.take_in(watch, handed).await;
        let word = match &outcome {
            Ok(word) => *word,
            Err(setback) => setback.word(),
        };
        let name = watch.name.clone();
        metrics::counter!("hilum_watch_objects_total", "watch" => name.clone(), "outcome" => word)
            .increment(1);
        metrics::histogram!("hilum_watch_object_seconds", "watch" => name).record(begun.elapsed());
        outcome.map(drop)
    }

    /// Gives a word for the metrics.
    async fn take_in(&self, watch: &Watch, handed: Handed<'_>) -> Result<&'static str, Setback> {
        let key = handed.notification.key.as_str();
        if key.ends_with('/') {
            return Ok("folder");
        }
        self.intake.check_open()?;
        // Where the key says all, what is refused for now costs its store nothing.
        let early = match watch.rules.metadata {
            true => None,
            false => Some(self.admit(handed, watch, watch.rules.by_key(key)?)?),
        };
        let Some(fetched) = self.fetch(watch, handed.notification).await? else {
            tracing::info!(
                watch = watch.name,
                transfer = handed.transfer,
                "the object is not there any more"
            );
            return Ok("gone");
        };
        if !is_content(&fetched.object) {
            return Ok("empty");
        }
        let job_id = job_of(&watch.bucket, &fetched.object);
        let job_id =
            job_id.ok_or(Setback::Never { reason: "its store tells no ETag".to_owned(), job_id: None })?;
        if self.is_done(job_id, handed).await? {
            return Ok("repeated");
        }
        let (admitted, meaning) = match early {
            Some(early) => early,
            None => self.admit(handed, watch, watch.rules.meaning(key, &fetched.metadata)?)?,
        };
        let (is_archive, bytes) = match watch.archives {
            true => begins_as_zip(fetched.bytes).await?,
            false => (false, fetched.bytes),
        };
        let outcome = if is_archive {
            // Each image in it is let in for itself.
            drop(admitted);
            self.unpack(Unpacking { watch, handed, archive_job: job_id, meaning }, bytes).await
        } else {
            if watch.results.is_some() {
                self.note_name(job_id, watch, key, None).await?;
            }
            let broken_off = |error: BucketError| BodyFault::BrokenOff(axum::Error::new(error));
            let upload = Upload { wishes: meaning.into(), job_id: Some(job_id) };
            self.store(bytes.map_err(broken_off), admitted, upload).await
        };
        let word = outcome.map_err(|setback| setback.of_job(job_id))?;
        if word == IGNORED {
            tracing::info!(watch = watch.name, transfer = handed.transfer, "ignored: it holds no picture");
        }
        reach("watch.after-store");
        if handed.deliveries == 0 {
            // Its store does not wait for this: without the note a list has it fetched once more.
            let taker = self.clone();
            tokio::spawn(async move { taker.note_done(job_id).await });
        } else {
            self.note_done(job_id).await?;
        }
        Ok(word)
    }

    fn admit(
        &self,
        handed: Handed<'_>,
        watch: &Watch,
        meaning: Meaning,
    ) -> Result<(Admitted, Meaning), Setback> {
        let admitted = self.admit_as(watch, handed.transfer, &meaning)?;
        Ok((admitted, meaning))
    }

    /// Lets in an image that means this.
    pub(crate) fn admit_as(
        &self,
        watch: &Watch,
        transfer: &str,
        meaning: &Meaning,
    ) -> Result<Admitted, Setback> {
        let source = ImageSource {
            sender: Some(watch.name.clone()),
            transfer: Some(transfer.to_owned()),
            ..ImageSource::by(Way::S3)
        };
        Ok(self.intake.admit(source, meaning.priority, &meaning.site)?)
    }

    /// The object as it was notified, else as it is now; `None` when there is none.
    async fn fetch(
        &self,
        watch: &Watch,
        notification: &Notification,
    ) -> Result<Option<FetchedObject>, Setback> {
        let Some(bucket) = self.buckets.get(&watch.name) else {
            return Err(Setback::Store(BucketError::Away));
        };
        let Notification { key, e_tag, version, .. } = notification;
        let notified = WantedState { e_tag: e_tag.clone(), version: version.clone() };
        let newest = WantedState::default();
        let mut fetched = bucket.fetch(key, &notified).await;
        if matches!(fetched, Err(BucketError::Missing | BucketError::Changed)) && notified != newest {
            fetched = bucket.fetch(key, &newest).await;
        }
        match fetched {
            Ok(fetched) => Ok(Some(fetched)),
            Err(BucketError::Missing) => Ok(None),
            Err(error) => Err(Setback::Store(error)),
        }
    }

    /// Whether the log has the job, as far as is known without looking through all of it. What was handed out before is looked
    /// for there, too: whoever took it may have stored it, under rules that were changed since.
    async fn is_done(&self, job_id: JobId, handed: Handed<'_>) -> Result<bool, Setback> {
        // What was given up is done with, too, until an operator wants it again.
        let wanted_again = handed.notification.wanted_again;
        if !wanted_again && self.done.has(job_id) {
            return Ok(true);
        }
        // The first time it is hardly there: lists have looked before, and one job it is in any case.
        let is_first = handed.deliveries < 2;
        if !wanted_again && !is_first && is_seen(&self.log, job_id).await? {
            self.done.add(job_id);
            return Ok(true);
        }
        if (wanted_again || !is_first) && self.log.last(&job_image_filter(job_id)).await?.is_some() {
            self.note_done(job_id).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Notes that an object is done with, whatever became of it.
    pub(crate) async fn note_done(&self, job_id: JobId) -> Result<(), Setback> {
        self.log.put(&seen_object_subject(job_id), Bytes::from_static(b"done")).await?;
        self.done.add(job_id);
        Ok(())
    }

    /// Notes what it is called, for its results: before anybody can read it.
    pub(crate) async fn note_name(
        &self,
        job_id: JobId,
        watch: &Watch,
        key: &str,
        entry: Option<usize>,
    ) -> Result<(), Setback> {
        let named = UploadedObject { watch: watch.name.clone(), key: key.to_owned(), entry };
        Ok(self.log.put(&uploaded_object_subject(job_id), encoded(&named)).await?)
    }

    /// Gives the object to the intake; what became of it, in a word.
    pub(crate) async fn store(
        &self,
        bytes: impl Stream<Item = Result<Bytes, BodyFault>> + Send,
        admitted: Admitted,
        upload: Upload,
    ) -> Result<&'static str, Setback> {
        let staged = self.intake.receive(admitted, bytes).await?;
        reach("watch.after-fetch");
        match self.intake.store(staged, upload).await {
            Ok(durable) if durable.repeated => Ok("repeated"),
            Ok(_) => Ok("stored"),
            // A directory of a medium, a report, a presentation state: whole, and nothing to be read.
            Err(refusal) if refusal.lacks_picture() => Ok(IGNORED),
            Err(refusal) => Err(refusal.into()),
        }
    }
}

/// Whether it is noted that an object is done with.
pub(crate) async fn is_seen(log: &Log, job_id: JobId) -> Result<bool, UnavailableError> {
    Ok(log.newest(SEEN_OBJECTS, &seen_object_subject(job_id)).await?.is_some())
}

impl Setback {
    fn of_job(self, job_id: JobId) -> Self {
        match self {
            Self::Never { reason, job_id: None } => Self::Never { reason, job_id: Some(job_id) },
            other => other,
        }
    }
}

impl From<UnavailableError> for Setback {
    fn from(_: UnavailableError) -> Self {
        Self::LogAway
    }
}

impl From<Refusal> for Setback {
    fn from(refusal: Refusal) -> Self {
        match refusal.kind() {
            // Here the sender is the store.
            ProblemType::BrokenOff | ProblemType::Stalled => Self::Store(BucketError::Away),
            _ if refusal.is_for_now() => Self::ForNow { retry_after_s: refusal.retry_after_s().unwrap_or(2) },
            _ => Self::Never { reason: refusal.to_string(), job_id: None },
        }
    }
}
