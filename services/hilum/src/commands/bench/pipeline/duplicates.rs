//! How much sooner the same bytes are answered the second time.

use std::time::Duration;

use super::super::contents::Contents;
use super::super::load::{ReadImage, Seen, read, totals, uploads};
use super::super::statistics::{Latencies, ratio};
use super::super::temporary::Temporary;
use crate::error::Error;

/// Under load, between one duplicate and the next: the load shall stay what it was.
const GAP: Duration = Duration::from_millis(100);

/// A first answer beside a second one.
pub(super) struct Pair {
    pub(super) reading: Latencies,
    pub(super) duplicate: Latencies,
    /// Of the duplicate's time, what its upload took until the 202.
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
        let (mut readings, mut duplicates, mut known) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let content = contents.next();
            readings.push(read(&stack.client, &content).await?);
            duplicates.push(read(&stack.client, &content).await?);
            known.push(content);
        }
        let idle = Pair::of(&readings, &duplicates)?;

        let seen = Seen::default();
        let sending = async {
            let mut duplicates = Vec::new();
            for content in &known {
                tokio::time::sleep(GAP).await;
                duplicates.push(read(&stack.client, content).await?);
            }
            seen.stop();
            Ok::<_, Error>(duplicates)
        };
        let (_, duplicates) = tokio::try_join!(seen.closed_loop(&stack.client, contents, users), sending)?;
        let loaded = Pair::of(&seen.into_read(), &duplicates)?;
        Ok(Self { idle, loaded })
    }
}
