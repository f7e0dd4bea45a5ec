//! Pictures that are sent and followed to their readings, as many at a time as there are users. Knows no stack and
//! shows nothing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hilum_client::{Client, JobStatus};
use hilum_events::{JobId, Priority};

use super::contents::{Content, Contents};
use super::statistics::Latencies;
use crate::error::Error;

/// Where the benchmarks' images come from, as far as the stack knows.
pub(super) const SITE: &str = "bench";

/// What one request waits.
const WAIT: Duration = Duration::from_secs(30);
/// What a reading may take at all, behind whatever queue.
const READING_LIMIT: Duration = Duration::from_secs(1800);
/// Pause after a refusal in a loop of users, who would come again at once.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// A picture that was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadImage {
    /// When its upload began.
    pub(super) began: Instant,
    /// From then to the 202.
    pub(super) upload: Duration,
    /// From then to the answer that says that it is read.
    pub(super) total: Duration,
    /// Its reading is another job's.
    pub(super) shared: bool,
}

/// How sending one picture ended.
#[derive(Debug)]
pub(super) enum SendOutcome {
    Read(ReadImage),
    /// It was taken in and can't be read.
    Failed(String),
    /// 503: the box is full.
    Full,
}

/// All that was seen of a load.
#[derive(Debug, Default)]
pub(super) struct LoadRecord {
    read: Mutex<Vec<ReadImage>>,
    /// Pictures with a reading so far.
    done: AtomicUsize,
    full: AtomicU64,
    stop: AtomicBool,
}

/// A picture that was taken in.
pub(super) struct Accepted {
    job_id: JobId,
    began: Instant,
    upload: Duration,
}

/// Sends one picture and follows it.
///
/// # Errors
/// The stack can't be reached or answers what it should not.
pub(super) async fn send(client: &Client, content: &Content) -> Result<SendOutcome, Error> {
    match upload(client, content, Instant::now()).await? {
        Some(accepted) => accepted.follow(client).await,
        None => Ok(SendOutcome::Full),
    }
}

/// Sends one picture, again and again while the box is full; the time counts from the first try.
///
/// # Errors
/// As [`send`]; or the box stays full.
pub(super) async fn upload_patiently(client: &Client, content: &Content) -> Result<Accepted, Error> {
    let began = Instant::now();
    while began.elapsed() < READING_LIMIT {
        if let Some(accepted) = upload(client, content, began).await? {
            return Ok(accepted);
        }
        tokio::time::sleep(PAUSE_AFTER_REFUSAL).await;
    }
    Err(Error::Unmeasured("the stack stayed full".to_owned()))
}

/// Sends one picture from a site of its own, within a study, wanted as soon as `priority` says.
///
/// # Errors
/// The stack can't be reached, or does not take it.
pub(super) async fn upload_as(
    client: &Client,
    content: &Content,
    tags: (&str, &str),
    priority: Priority,
) -> Result<Accepted, Error> {
    let began = Instant::now();
    let accepted = client.upload_urgent_content(content.pieces(), content.len(), tags, priority).await?;
    Ok(Accepted { job_id: accepted.job_id, began, upload: began.elapsed() })
}

/// `None` when the box is full.
async fn upload(client: &Client, content: &Content, began: Instant) -> Result<Option<Accepted>, Error> {
    let tags = (SITE, content.study.as_str());
    match client.upload_content(content.pieces(), content.len(), tags).await {
        Ok(accepted) => Ok(Some(Accepted { job_id: accepted.job_id, began, upload: began.elapsed() })),
        Err(hilum_client::Error::Refused { problem }) if problem.status == 503 => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Accepted {
    /// Waits until it is read.
    ///
    /// # Errors
    /// As [`send`].
    pub(super) async fn follow(self, client: &Client) -> Result<SendOutcome, Error> {
        let Self { job_id, began, upload } = self;
        while began.elapsed() < READING_LIMIT {
            let job = client.job(&job_id.to_string(), Some(WAIT)).await?;
            match job.status {
                JobStatus::Completed => {
                    let shared = job.duplicate_of.is_some();
                    return Ok(SendOutcome::Read(ReadImage {
                        began,
                        upload,
                        total: began.elapsed(),
                        shared,
                    }));
                }
                JobStatus::Failed => return Ok(SendOutcome::Failed(job.reason.clone().unwrap_or_default())),
                JobStatus::Queued | JobStatus::InProgress => {}
            }
        }
        Err(Error::Unmeasured(format!("an image was not read within {} s", READING_LIMIT.as_secs())))
    }
}

/// As [`send`], of a picture that must be read.
pub(super) async fn read(client: &Client, content: &Content) -> Result<ReadImage, Error> {
    send(client, content).await?.image()
}

impl SendOutcome {
    /// The picture, if it was read.
    ///
    /// # Errors
    /// When it was not read.
    pub(super) fn image(self) -> Result<ReadImage, Error> {
        match self {
            Self::Read(image) => Ok(image),
            Self::Failed(why) => Err(failed(&why)),
            Self::Full => Err(Error::Unmeasured("the stack was full".to_owned())),
        }
    }
}

impl LoadRecord {
    /// Lets `users` send one picture after the other until [`Self::stop`], then waits for what is on its way.
    ///
    /// # Errors
    /// The first error of any of them.
    pub(super) async fn closed_loop(
        &self,
        client: &Client,
        contents: &Contents,
        users: usize,
    ) -> Result<(), Error> {
        let users = (0..users).map(|_| async {
            while !self.stop.load(Ordering::Relaxed) {
                self.note(send(client, &contents.next()).await?).await?;
            }
            Ok::<_, Error>(())
        });
        futures::future::try_join_all(users).await.map(|_| ())
    }

    /// Counts an outcome. After a refusal it takes a while.
    pub(super) async fn note(&self, outcome: SendOutcome) -> Result<(), Error> {
        match outcome {
            SendOutcome::Read(image) => {
                self.read.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(image);
                self.done.fetch_add(1, Ordering::Relaxed);
            }
            SendOutcome::Failed(why) => return Err(failed(&why)),
            SendOutcome::Full => {
                self.full.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(PAUSE_AFTER_REFUSAL).await;
            }
        }
        Ok(())
    }

    /// No user sends another picture.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// How many pictures are read so far.
    pub(super) fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// How many uploads were refused so far because the box was full.
    pub(super) fn full(&self) -> u64 {
        self.full.load(Ordering::Relaxed)
    }

    /// What was read, in the order in which it was done.
    pub(super) fn into_read(self) -> Vec<ReadImage> {
        self.read.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Of those that ended between two moments: from upload to reading.
pub(super) fn totals(read: &[ReadImage]) -> Option<Latencies> {
    Latencies::of(read.iter().map(|image| image.total).collect())
}

/// From the start of an upload to its 202.
pub(super) fn uploads(read: &[ReadImage]) -> Option<Latencies> {
    Latencies::of(read.iter().map(|image| image.upload).collect())
}

fn failed(why: &str) -> Error {
    Error::Unmeasured(format!("an image that should be read was not: {why}"))
}
