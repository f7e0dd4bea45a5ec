//! Good images: pictures that nobody has read before, sent at a pace or all at once, and followed to their readings
//! through the public API.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use hilum_client::Client;
use indicatif::ProgressBar;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::contents::Contents;
use super::load::{Accepted, upload_patiently};
use super::statistics::Latencies;
use crate::error::Error;

/// What comes to the door at a time when all are sent at once.
const UPLOADS_AT_ONCE: usize = 8;

/// A sender and the pictures that it sends.
#[derive(Clone, Copy)]
pub(super) struct Sender<'a> {
    pub(super) client: &'a Client,
    pub(super) contents: &'a Contents,
}

impl Sender<'_> {
    /// Sends one image every `gap`, whether or not the ones before it are read. The latency of each is counted from
    /// the start of its upload to the answer that says that it is read.
    ///
    /// # Errors
    /// The stack can't be reached, or an image is not read.
    pub(super) async fn send_steadily(
        self,
        count: usize,
        gap: Duration,
        bar: &ProgressBar,
    ) -> Result<Latencies, Error> {
        let mut pace = tokio::time::interval(gap);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut readings = JoinSet::new();
        for _ in 0..count {
            pace.tick().await;
            let (client, content, bar) = (self.client.clone(), self.contents.next(), bar.clone());
            readings.spawn(async move {
                let accepted = upload_patiently(&client, &content).await?;
                let image = accepted.follow(&client).await?.image()?;
                bar.inc(1);
                Ok::<_, Error>(image.total)
            });
        }
        let mut measured = Vec::new();
        while let Some(reading) = readings.join_next().await {
            let latency = reading.map_err(|panic| Error::Unmeasured(panic.to_string()))?;
            measured.push(latency?);
        }
        Latencies::of(measured).ok_or_else(nothing)
    }

    /// Sends `count` images as fast as the door takes them.
    ///
    /// # Errors
    /// The stack can't be reached or refuses one.
    pub(super) async fn send_at_once(self, count: usize) -> Result<Vec<Accepted>, Error> {
        let uploads = (0..count).map(|_| async {
            let content = self.contents.next();
            upload_patiently(self.client, &content).await
        });
        stream::iter(uploads).buffer_unordered(UPLOADS_AT_ONCE).try_collect().await
    }

    /// How long after `began` each image was read.
    ///
    /// # Errors
    /// One is not read.
    pub(super) async fn all_read(
        self,
        sent: Vec<Accepted>,
        began: Instant,
        bar: &ProgressBar,
    ) -> Result<Latencies, Error> {
        let readings = sent.into_iter().map(|accepted| async move {
            let image = accepted.follow(self.client).await?.image()?;
            bar.inc(1);
            Ok::<_, Error>(image.began + image.total - began)
        });
        Latencies::of(futures::future::try_join_all(readings).await?).ok_or_else(nothing)
    }
}

fn nothing() -> Error {
    Error::Unmeasured("no image was sent".to_owned())
}
