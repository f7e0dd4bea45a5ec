//! How many times as fast as PyTorch's eager mode the best engine is. Medians on both sides; PyTorch's are of the passes
//! before and after the engines', so that a machine that gets slower or faster meanwhile favours nobody.

use std::num::NonZeroUsize;

use serde::Serialize;

use super::pytorch::{BATCHES, Run};

/// PyTorch beside the engines.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    pub(super) version: String,
    pub(super) threads: NonZeroUsize,
    pub(super) batches: [NonZeroUsize; 2],
    /// Of each size, all runs together.
    pub(super) passes: usize,
    pub(super) fastest_ms_per_image: [f64; 2],
    pub(super) median_ms_per_image: [f64; 2],
    pub(super) largest_logit_difference: f32,
    /// `None` when no engine proved itself.
    pub(super) best: Option<Best>,
}

/// The engine that takes the least time for single images.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Best {
    pub(super) engine: String,
    /// Single images, all replicas at work.
    pub(super) median_ms_at_batch_1: f64,
    /// Of PyTorch's median at batch 1 in the engine's.
    pub(super) times_pytorch_at_batch_1: f64,
}

impl Comparison {
    /// Of runs of PyTorch with the engines that proved themselves: name and median of a single image, milliseconds. `None`
    /// without a run.
    pub(super) fn of(
        runs: &[Run],
        threads: NonZeroUsize,
        engines: impl Iterator<Item = (String, f64)>,
    ) -> Option<Self> {
        let first = runs.first()?;
        let per_image = [0, 1].map(|index| {
            let passes = runs.iter().filter_map(|run| run.ms_of_passes.get(index)).flatten();
            passes.map(|ms| ms / BATCHES[index].get() as f64).collect::<Vec<_>>()
        });
        let median_ms_per_image = [median(&per_image[0])?, median(&per_image[1])?];
        let differences = runs.iter().map(|run| run.largest_logit_difference);
        let best = engines.min_by(|(_, one), (_, other)| one.total_cmp(other));
        Some(Self {
            version: first.version.clone(),
            threads,
            batches: BATCHES,
            passes: per_image[0].len(),
            fastest_ms_per_image: per_image.map(|ms| ms.into_iter().fold(f64::INFINITY, f64::min)),
            median_ms_per_image,
            largest_logit_difference: differences.fold(0.0, f32::max),
            best: best.map(|(engine, median_ms_at_batch_1)| Best {
                engine,
                median_ms_at_batch_1,
                times_pytorch_at_batch_1: median_ms_per_image[0] / median_ms_at_batch_1,
            }),
        })
    }
}

/// `None` of nothing; of an even number the mean of the two in the middle.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(singles: &[f64], eights: &[f64]) -> Run {
        Run {
            version: "2".to_owned(),
            largest_logit_difference: 1e-6,
            ms_of_passes: vec![singles.to_vec(), eights.to_vec()],
        }
    }

    #[test]
    fn the_best_engine_is_held_against_the_median_of_all_runs() {
        let runs = [run(&[50.0, 60.0, 61.0], &[320.0]), run(&[62.0, 63.0, 900.0], &[480.0])];
        let engines = [("slow".to_owned(), 20.0), ("quick".to_owned(), 5.0)];
        let comparison = Comparison::of(&runs, NonZeroUsize::MIN, engines.into_iter()).unwrap();
        assert_eq!(comparison.passes, 6);
        assert_eq!(comparison.fastest_ms_per_image, [50.0, 40.0]);
        assert_eq!(comparison.median_ms_per_image, [61.5, 50.0]);
        let best = comparison.best.unwrap();
        assert_eq!((best.engine.as_str(), best.times_pytorch_at_batch_1), ("quick", 12.3));
    }

    #[test]
    fn nothing_is_compared_with_nothing() {
        assert!(Comparison::of(&[], NonZeroUsize::MIN, std::iter::empty()).is_none());
        let alone = Comparison::of(&[run(&[1.0], &[8.0])], NonZeroUsize::MIN, std::iter::empty()).unwrap();
        assert!(alone.best.is_none());
    }
}
