//! How fast engines read and in which batches: short measurements on made-up inputs, all replicas at the same time as
//! they will run, so that what they take from each other is in the numbers.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use crate::engine::{Engine, EngineError};

/// Batches that are tried; larger ones gain nothing on processors.
pub(crate) const CPU_BATCHES: [usize; 5] = [1, 2, 4, 8, 16];
/// Batches that are tried on CUDA devices.
pub(crate) const CUDA_BATCHES: [usize; 5] = [1, 4, 16, 32, 64];
/// A smaller batch is taken if it costs no more than this part of the best throughput: it keeps single images quick.
const WORTH_A_LARGER_BATCH: f64 = 0.05;
/// Passes of one size; the fastest counts, because anything else on the machine only slows.
const MOST_PASSES: u32 = 6;

/// What one batch size gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// Images in a pass.
    pub(crate) batch: NonZeroUsize,
    /// One pass of one replica.
    pub(crate) pass: Duration,
    /// Time for each image with all replicas at work.
    pub(crate) per_image: Duration,
}

/// Measures growing batches until they gain nothing or the time is up; at least the first.
///
/// # Errors
/// An engine fails.
pub(crate) fn calibrate(
    engines: &mut [Box<dyn Engine>],
    batches: &[NonZeroUsize],
    time: Duration,
) -> Result<Vec<Pace>, EngineError> {
    let deadline = Instant::now() + time;
    let mut paces: Vec<Pace> = Vec::new();
    for batch in batches.iter().copied() {
        let left = deadline.saturating_duration_since(Instant::now());
        let replicas = u32::try_from(engines.len()).unwrap_or(u32::MAX);
        let images = u32::try_from(batch.get()).unwrap_or(u32::MAX);
        let expected =
            paces.last().map(|pace| pace.per_image.saturating_mul(replicas.saturating_mul(images)));
        // One pass to set things up for the size, and one to measure at least.
        if expected.is_some_and(|expected| expected * 2 > left) {
            break;
        }
        let share = left / 3;
        let passes = expected.map_or(MOST_PASSES, |expected| {
            let fit = share.as_nanos() / expected.as_nanos().max(1);
            u32::try_from(fit).unwrap_or(MOST_PASSES).clamp(1, MOST_PASSES)
        });
        let pace = measure(engines, batch, passes)?;
        let gains = fastest(&paces).is_none_or(|best| pace.per_image < best.per_image);
        paces.push(pace);
        if !gains && paces.len() > 2 {
            break;
        }
    }
    Ok(paces)
}

/// Runs every engine on a thread of its own, `passes` passes each after one that does not count.
///
/// # Errors
/// An engine fails.
pub(crate) fn measure(
    engines: &mut [Box<dyn Engine>],
    batch: NonZeroUsize,
    passes: u32,
) -> Result<Pace, EngineError> {
    let barrier = std::sync::Barrier::new(engines.len());
    let took: Vec<Duration> = std::thread::scope(|scope| {
        let run = |engine| scope.spawn(|| fastest_pass(engine, batch, passes, &barrier));
        let threads: Vec<_> = engines.iter_mut().map(run).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or(Err(EngineError::Panicked))
        };
        threads.into_iter().map(join).collect::<Result<_, _>>()
    })?;
    let images_per_s: f64 = took.iter().map(|took| batch.get() as f64 / took.as_secs_f64().max(1e-9)).sum();
    let pass = took.into_iter().max().unwrap_or_default();
    Ok(Pace { batch, pass, per_image: Duration::from_secs_f64(1.0 / images_per_s.max(1e-9)) })
}

fn fastest_pass(
    engine: &mut Box<dyn Engine>,
    batch: NonZeroUsize,
    passes: u32,
    barrier: &std::sync::Barrier,
) -> Result<Duration, EngineError> {
    let blank = vec![0.5; engine.input_len()];
    let inputs = vec![blank.as_slice(); batch.get()];
    let warm = engine.forward(&inputs);
    // Every thread must come here, or the others wait for ever.
    barrier.wait();
    warm?;
    let mut fastest = Duration::MAX;
    for _ in 0..passes.max(1) {
        let began = Instant::now();
        engine.forward(&inputs)?;
        fastest = fastest.min(began.elapsed());
    }
    Ok(fastest)
}

/// The pace with the least time for each image.
pub(crate) fn fastest(paces: &[Pace]) -> Option<&Pace> {
    paces.iter().min_by_key(|pace| pace.per_image)
}

/// The smallest batch that comes close to the best throughput.
pub(crate) fn best_batch(paces: &[Pace]) -> Option<&Pace> {
    let limit = fastest(paces)?.per_image.mul_f64(1.0 + WORTH_A_LARGER_BATCH);
    paces.iter().filter(|pace| pace.per_image <= limit).min_by_key(|pace| pace.batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{EngineDescription, Output};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn paces(per_image_us: &[(usize, u64)]) -> Vec<Pace> {
        let pace = |(batch, us): &(usize, u64)| {
            let per_image = Duration::from_micros(*us);
            Pace { batch: NonZeroUsize::new(*batch).unwrap(), pass: per_image, per_image }
        };
        per_image_us.iter().map(pace).collect()
    }

    #[test]
    fn the_smallest_batch_near_the_best_throughput_is_taken() {
        let batch = |measured: &[(usize, u64)]| best_batch(&paces(measured)).map(|pace| pace.batch.get());
        assert_eq!(batch(&[(1, 16_300), (2, 11_000), (4, 10_300), (8, 10_200), (16, 11_700)]), Some(4));
        assert_eq!(batch(&[(1, 3400), (2, 3500), (4, 3600)]), Some(1));
        assert_eq!(batch(&[(1, 1050), (2, 1000)]), Some(1), "within 5 %");
        assert_eq!(batch(&[(1, 1051), (2, 1000)]), Some(2));
        assert_eq!(batch(&[]), None);
    }

    /// Counts passes; fails if a batch is larger than allowed.
    struct Counter {
        passes: Arc<AtomicUsize>,
        largest: usize,
    }

    impl Engine for Counter {
        fn forward(&mut self, batch: &[&[f32]]) -> Result<Vec<Output>, EngineError> {
            self.passes.fetch_add(1, Ordering::SeqCst);
            if batch.len() > self.largest {
                return Err(EngineError::Forward { reason: "too many".into() });
            }
            Ok(Vec::new())
        }

        fn input_len(&self) -> usize {
            1
        }

        fn description(&self) -> EngineDescription {
            unreachable!("nobody asks")
        }

        fn replica(&self) -> Result<Box<dyn Engine>, EngineError> {
            unreachable!("nobody asks")
        }
    }

    #[test]
    fn every_replica_is_measured_and_one_that_fails_holds_up_nobody() {
        let passes = Arc::new(AtomicUsize::new(0));
        let engine =
            |largest| -> Box<dyn Engine> { Box::new(Counter { passes: Arc::clone(&passes), largest }) };
        let mut engines = vec![engine(9), engine(9)];
        assert_eq!(
            calibrate(&mut engines, &[NonZeroUsize::MIN, NonZeroUsize::MAX], Duration::ZERO).unwrap().len(),
            1,
            "one size always"
        );
        assert_eq!(passes.load(Ordering::SeqCst), 2 * (1 + MOST_PASSES as usize));
        engines.push(engine(0));
        assert!(measure(&mut engines, NonZeroUsize::MIN, 3).is_err());
    }
}
