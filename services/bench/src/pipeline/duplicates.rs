//! How much sooner the same bytes are answered the second time: from the first byte sent to the findings in hand, for
//! readings and for duplicates alike.

use std::time::{Duration, Instant};

use hilum_client::Client;

use super::super::contents::{Content, Contents};
use super::super::load::{LoadRecord, ReadImage, SITE, totals, uploads};
use super::super::statistics::{Latencies, ratio};
use super::super::temporary::Temporary;
use crate::error::Error;

/// Under load, between one measured upload and the next: the load shall stay what it was.
const GAP: Duration = Duration::from_millis(100);
/// What a reading may take.
const READING_LIMIT: Duration = Duration::from_secs(60);

/// A first answer beside a second one.
pub(super) struct Pair {
    pub(super) reading: Latencies,
    pub(super) duplicate: Latencies,
    /// How much of the duplicate's time its upload took until the 202; all of it if the 202 brought the findings.
    pub(super) upload: Latencies,
}

/// Both on an idle stack, one at a time, and beside a load.
pub(super) struct Duplicates {
    pub(super) idle: Pair,
    pub(super) loaded: Pair,
}

impl Pair {
    /// How many times sooner, by the medians.
    pub(super) fn ratio(&self) -> f64 {
        ratio(self.reading.p50(), self.duplicate.p50())
    }

    fn of(readings: &[ReadImage], duplicates: &[ReadImage]) -> Result<Self, Error> {
        if duplicates.iter().any(|image| !image.shared) {
            return Err(Error::Unmeasured("the same bytes were read twice".to_owned()));
        }
        let nothing = || Error::Unmeasured("no image was read beside the duplicates".to_owned());
        let reading = totals(readings).ok_or_else(nothing)?;
        let duplicate = totals(duplicates).ok_or_else(nothing)?;
        let upload = uploads(duplicates).ok_or_else(nothing)?;
        Ok(Self { reading, duplicate, upload })
    }
}

impl Duplicates {
    pub(super) async fn measure(
        stack: &Temporary,
        contents: &Contents,
        rounds: usize,
        users: usize,
    ) -> Result<Self, Error> {
        let client = &stack.client;
        let idle = pair(client, contents, rounds, Duration::ZERO).await?;
        let seen = LoadRecord::default();
        let beside = async {
            let loaded = pair(client, contents, rounds, GAP).await?;
            seen.stop();
            Ok::<_, Error>(loaded)
        };
        let (_, loaded) = tokio::try_join!(seen.closed_loop(client, contents, users), beside)?;
        Ok(Self { idle, loaded })
    }
}

/// So many contents, each sent twice, one upload at a time with a pause before it.
async fn pair(client: &Client, contents: &Contents, rounds: usize, gap: Duration) -> Result<Pair, Error> {
    let (mut readings, mut duplicates) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let content = contents.next();
        for answers in [&mut readings, &mut duplicates] {
            tokio::time::sleep(gap).await;
            answers.push(answered(client, &content).await?);
        }
    }
    Pair::of(&readings, &duplicates)
}

/// Sends a content and holds what the model says of it: the answer brings it, or it is asked for at once and told as
/// soon as it is known.
async fn answered(client: &Client, content: &Content) -> Result<ReadImage, Error> {
    let began = Instant::now();
    let tags = (SITE, content.study.as_str());
    let accepted = client.upload_content(content.pieces(), content.len(), tags).await?;
    let upload = began.elapsed();
    let duplicate_of = match &accepted.result {
        Some(reading) => reading.duplicate_of,
        None => client.reading(&accepted.job_id.to_string(), Some(READING_LIMIT)).await?.duplicate_of,
    };
    Ok(ReadImage { began, upload, total: began.elapsed(), shared: duplicate_of.is_some() })
}
