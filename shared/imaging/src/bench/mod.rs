//! How long the stages of one file take, in processor time, measured where they run: inside a decoder process. Knows
//! no table and no command line.

mod isolation;

use std::time::Duration;

use hilum_events::MediaType;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

pub use self::isolation::{File, Isolation, isolation};
use crate::codec;
use crate::error::Refusal;
use crate::limits::Limits;
use crate::preparation::{Preparation, Prepared, prepare};
use crate::preprocess::preprocess;

/// What one file costs a decoder process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileCost {
    /// Pixels per row of the picture.
    pub width: u32,
    /// Rows of the picture.
    pub height: u32,
    /// Bits per sample in the file.
    pub source_bits: u8,
    /// One per repetition, in their order: the first ones also warm caches and memory up.
    pub runs: Vec<StageCost>,
    /// Processor time of the process since it started, milliseconds.
    pub process_ms: f64,
}

/// Processor time of the stages of one file, milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct StageCost {
    /// File bytes to pixels.
    pub decode_ms: f64,
    /// Pixels to their digest.
    pub digest_ms: f64,
    /// Pixels to the numbers that a model takes.
    pub preprocess_ms: f64,
}

impl StageCost {
    /// All stages.
    pub fn total_ms(&self) -> f64 {
        self.decode_ms + self.digest_ms + self.preprocess_ms
    }
}

impl FileCost {
    /// The smallest and the median of what `stage` picks; zero without a run. The smallest is what the work costs, the
    /// median what it costs beside whatever else the machine does.
    pub fn min_and_median(&self, stage: impl Fn(&StageCost) -> f64) -> (f64, f64) {
        let mut times: Vec<f64> = self.runs.iter().map(stage).collect();
        times.sort_by(f64::total_cmp);
        (times.first().copied().unwrap_or(0.0), times.get(times.len() / 2).copied().unwrap_or(0.0))
    }
}

/// Does the work of [`prepare`](crate::preparation::prepare) `repeats` times, at least once.
pub(crate) fn measure(
    media: MediaType,
    bytes: &[u8],
    preparation: &Preparation,
    limits: &Limits,
    repeats: u32,
) -> Result<FileCost, Refusal> {
    let mut cost = FileCost { width: 0, height: 0, source_bits: 0, runs: Vec::new(), process_ms: 0.0 };
    for _ in 0..repeats.max(1) {
        let copy = bytes.to_vec();
        let begun_ms = thread_ms();
        let picture = codec::decode(media, copy, preparation.values, limits)?.picture;
        let decoded_ms = thread_ms();
        std::hint::black_box(picture.pixel_digest());
        let digested_ms = thread_ms();
        std::hint::black_box(preprocess(&picture, &preparation.preprocessing));
        cost.runs.push(StageCost {
            decode_ms: decoded_ms - begun_ms,
            digest_ms: digested_ms - decoded_ms,
            preprocess_ms: thread_ms() - digested_ms,
        });
        (cost.width, cost.height) = (picture.width(), picture.height());
        cost.source_bits = picture.source_bits();
    }
    cost.process_ms = process_ms();
    Ok(cost)
}

/// The work of a decoder process in the calling one: what it would cost without the isolation. Only for files of one's
/// own, in a measurement: a hostile file can bring the process down.
///
/// # Errors
/// The file can't be read.
pub fn prepare_here(media: MediaType, bytes: &[u8], preparation: &Preparation) -> Result<Prepared, Refusal> {
    prepare(media, bytes.to_vec(), preparation, &Limits::default(), None)
}

/// Processor time of the calling thread, milliseconds.
fn thread_ms() -> f64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default();
    time.as_secs_f64() * 1000.0
}

/// Processor time of this process, of all its threads and in the kernel for it, milliseconds.
pub fn process_ms() -> f64 {
    let used = getrusage(UsageWho::RUSAGE_SELF);
    used.map_or(0.0, |used| {
        (used.user_time().num_microseconds() + used.system_time().num_microseconds()) as f64 / 1000.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smallest_and_median_are_those_of_the_stage_that_is_asked_for() {
        let run = |decode_ms| StageCost { decode_ms, digest_ms: 1.0, preprocess_ms: 2.0 };
        let runs = [9.0, 4.0, 5.0].map(run).to_vec();
        let cost = FileCost { width: 1, height: 1, source_bits: 8, runs, process_ms: 0.0 };
        assert_eq!(cost.min_and_median(|run| run.decode_ms), (4.0, 5.0));
        assert_eq!(cost.min_and_median(StageCost::total_ms), (7.0, 8.0));
    }
}
