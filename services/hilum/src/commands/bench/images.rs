//! Good images: as many different contents of one picture as are wanted, sent at a pace or all at once, and
//! followed to their readings through the public API.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::super::samples::samples;
use super::statistics::Latencies;
use crate::client::{Client, JobStatus, Tags, Upload};
use crate::error::Error;

/// Where the benchmarks' images come from, as far as the stack knows.
pub(super) const SITE: &str = "bench";

/// What one request waits.
const WAIT: Duration = Duration::from_secs(30);
/// What a reading may take at all.
const READING_LIMIT: Duration = Duration::from_secs(1800);
/// What comes to the door at a time when all are sent at once.
const UPLOADS_AT_ONCE: usize = 8;

/// The picture that all good images show.
pub(super) struct Picture {
    bytes: Vec<u8>,
    folder: PathBuf,
}

/// Images to send, one content each, as files.
pub(super) struct Batch {
    tags: Tags,
    files: Vec<PathBuf>,
}

/// An image that was taken in.
pub(super) struct Sent {
    job_id: String,
}

impl Picture {
    /// The first PNG among the samples of `place`. `folder` gets the files.
    pub(super) fn of_samples(place: Option<&Path>, folder: &Path) -> Result<Self, Error> {
        let is_png = |file: &PathBuf| file.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("png"));
        let sample = samples(place)?.into_iter().find(is_png);
        let sample = sample.ok_or_else(|| Error::Usage("there is no PNG among the samples".to_owned()))?;
        let bytes = std::fs::read(&sample).map_err(Error::file("read", &sample))?;
        Ok(Self { bytes, folder: folder.to_owned() })
    }

    /// `count` contents that no other batch has, as a study named `study`.
    pub(super) fn batch(&self, study: &str, count: usize) -> Result<Batch, Error> {
        let folder = self.folder.join(study);
        std::fs::create_dir_all(&folder).map_err(Error::file("make the folder", &folder))?;
        let mut files = Vec::with_capacity(count);
        for number in 0..count {
            let file = folder.join(format!("{number}.png"));
            // Bytes after the end of a PNG do not change the picture but make another content.
            let content = [&self.bytes, format!("{study} {number}").as_bytes()].concat();
            std::fs::write(&file, content).map_err(Error::file("write", &file))?;
            files.push(file);
        }
        let tags = Tags { site: Some(SITE.to_owned()), study: Some(study.to_owned()), priority: None };
        Ok(Batch { tags, files })
    }
}

impl Batch {
    /// Sends one image every `gap`, whether or not the ones before it are read, as a hospital does. The latency
    /// of each is counted from the start of its upload to the answer that says that it is read.
    pub(super) async fn send_steadily(
        self,
        client: &Client,
        gap: Duration,
        bar: &ProgressBar,
    ) -> Result<Latencies, Error> {
        let mut pace = tokio::time::interval(gap);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut readings = JoinSet::new();
        for file in self.files {
            pace.tick().await;
            let (client, tags, bar) = (client.clone(), self.tags.clone(), bar.clone());
            readings.spawn(async move {
                let began = Instant::now();
                let sent = send(&client, &file, &tags).await?;
                let read_at = sent.read_at(&client).await?;
                bar.inc(1);
                Ok::<_, Error>(read_at - began)
            });
        }
        let mut measured = Vec::new();
        while let Some(reading) = readings.join_next().await {
            let latency = reading.map_err(|panic| Error::Unmeasured(panic.to_string()))?;
            measured.push(latency?);
        }
        Latencies::of(measured).ok_or_else(nothing)
    }

    /// Sends all, as fast as the door takes them.
    pub(super) async fn send_at_once(&self, client: &Client) -> Result<Vec<Sent>, Error> {
        let uploads = self.files.iter().map(|file| send(client, file, &self.tags));
        stream::iter(uploads).buffer_unordered(UPLOADS_AT_ONCE).try_collect().await
    }
}

impl Sent {
    /// When the answer came that says that the image is read.
    async fn read_at(&self, client: &Client) -> Result<Instant, Error> {
        let deadline = Instant::now() + READING_LIMIT;
        while Instant::now() < deadline {
            let job = client.job(&self.job_id, Some(WAIT)).await?;
            match job.status {
                JobStatus::Completed => return Ok(Instant::now()),
                JobStatus::Failed => {
                    let why = job.reason.unwrap_or_default();
                    return Err(Error::Unmeasured(format!("a good image failed: {why}")));
                }
                JobStatus::Queued | JobStatus::InProgress => {}
            }
        }
        Err(Error::Unmeasured(format!("a good image was not read within {} s", READING_LIMIT.as_secs())))
    }
}

/// How long after `began` each image was read.
pub(super) async fn all_read(
    sent: &[Sent],
    client: &Client,
    began: Instant,
    bar: &ProgressBar,
) -> Result<Latencies, Error> {
    let readings = sent.iter().map(|sent| async move {
        let read_at = sent.read_at(client).await?;
        bar.inc(1);
        Ok::<_, Error>(read_at - began)
    });
    Latencies::of(futures::future::try_join_all(readings).await?).ok_or_else(nothing)
}

async fn send(client: &Client, file: &Path, tags: &Tags) -> Result<Sent, Error> {
    let accepted = client.upload(Upload { file, tags }).await?;
    Ok(Sent { job_id: accepted.job_id })
}

fn nothing() -> Error {
    Error::Unmeasured("no image was sent".to_owned())
}
