//! What it costs that files are read in processes of their own: the same files, as many at a time, in those processes
//! and in the calling one.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use futures::future::BoxFuture;
use hilum_events::MediaType;
use serde::Serialize;
use tokio::task::JoinSet;

use super::{StageCost, prepare_here, process_ms};
use crate::decoder::{DecoderConfig, DecoderPool};
use crate::error::DecodeError;
use crate::preparation::Preparation;

/// A file in memory.
#[derive(Debug)]
pub struct File {
    /// What its first bytes say.
    pub media: MediaType,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// Per image, mean of the files. Ratios above one are the price of the isolation, below one its gain.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Isolation {
    /// Wall-clock time with all cores at work in the calling process, milliseconds.
    pub here_ms: f64,
    /// The same through a pool of as many processes.
    pub pool_ms: f64,
    /// `pool_ms` by `here_ms`.
    pub wall_ratio: f64,
    /// Processor time in the calling process, one file at a time, milliseconds.
    pub here_cpu_ms: f64,
    /// Processor time of pool and process together, one file at a time, milliseconds.
    pub pool_cpu_ms: f64,
    /// `pool_cpu_ms` by `here_cpu_ms`.
    pub cpu_ratio: f64,
}

/// Compares the two ways, each `rounds` times in turn; of the rounds the fastest counts. A round is all files, as often
/// as it takes to keep `config.size` cores busy for about a tenth of a second.
///
/// # Errors
/// A file can't be read, or the program is not there.
pub fn isolation(
    config: &DecoderConfig,
    files: Arc<[File]>,
    preparation: Preparation,
    rounds: NonZeroUsize,
) -> BoxFuture<'_, Result<Isolation, DecodeError>> {
    Box::pin(async move {
        let cores = config.size.max(1);
        let (here_cpu_ms, pool_cpu_ms) = one_at_a_time(config, &files, &preparation).await?;
        let round_cpu_ms = (here_cpu_ms * files.len() as f64).max(0.01);
        let turns = files.len() * (100.0 * cores as f64 / round_cpu_ms).ceil().max(1.0) as usize;
        let pool = DecoderPool::new(config.clone());
        through(&pool, &files, preparation, files.len().max(cores)).await?;
        let (mut here_ms, mut pool_ms) = (f64::MAX, f64::MAX);
        for _ in 0..rounds.get() {
            here_ms = here_ms.min(here(&files, &preparation, turns, cores)?);
            pool_ms = pool_ms.min(through(&pool, &files, preparation, turns).await?);
        }
        Ok(Isolation {
            here_ms,
            pool_ms,
            wall_ratio: pool_ms / here_ms,
            here_cpu_ms,
            pool_cpu_ms,
            cpu_ratio: pool_cpu_ms / here_cpu_ms,
        })
    })
}

/// Processor time per image in the calling process, and of everything on the way through a pool.
async fn one_at_a_time(
    config: &DecoderConfig,
    files: &[File],
    preparation: &Preparation,
) -> Result<(f64, f64), DecodeError> {
    const REPEATS: u32 = 30;
    let pool = DecoderPool::new(DecoderConfig { size: 1, ..config.clone() });
    let (mut here_ms, mut pool_ms) = (0.0, 0.0);
    for File { media, bytes } in files {
        let before_ms = pool.measure(*media, bytes, preparation, 1).await?.process_ms;
        let mine_ms = process_ms();
        for _ in 0..REPEATS {
            pool.prepare(*media, bytes, preparation).await?;
        }
        pool_ms += process_ms() - mine_ms;
        let after = pool.measure(*media, bytes, preparation, 1).await?;
        // The process took its own time only after the stages that were measured last.
        let last_ms: f64 = after.runs.iter().map(StageCost::total_ms).sum();
        pool_ms += after.process_ms - last_ms - before_ms;
        let mine_ms = process_ms();
        for _ in 0..REPEATS {
            std::hint::black_box(prepare_here(*media, bytes, preparation).map_err(DecodeError::Refused)?);
        }
        here_ms += process_ms() - mine_ms;
    }
    let count = files.len().max(1) as f64 * f64::from(REPEATS);
    Ok((here_ms / count, pool_ms / count))
}

/// Milliseconds per image on `cores` threads of this process.
fn here(files: &[File], preparation: &Preparation, turns: usize, cores: usize) -> Result<f64, DecodeError> {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    let work = || -> Result<(), DecodeError> {
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            if turn >= turns {
                return Ok(());
            }
            let File { media, bytes } = &files[turn % files.len()];
            std::hint::black_box(prepare_here(*media, bytes, preparation).map_err(DecodeError::Refused)?);
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let gone = |_| DecodeError::unavailable("a measuring thread ended by itself", None);
        threads.into_iter().try_for_each(|thread| thread.join().map_err(gone)?)
    })?;
    Ok(begun.elapsed().as_secs_f64() * 1000.0 / turns as f64)
}

/// Milliseconds per image through the pool, which always has its next file waiting.
async fn through(
    pool: &DecoderPool,
    files: &Arc<[File]>,
    preparation: Preparation,
    turns: usize,
) -> Result<f64, DecodeError> {
    const WAITING: usize = 2;
    let next = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut askers = JoinSet::new();
    for _ in 0..pool.size() * WAITING {
        let (pool, files, next) = (pool.clone(), Arc::clone(files), Arc::clone(&next));
        askers.spawn(async move {
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if turn >= turns {
                    return Ok(());
                }
                let File { media, bytes } = &files[turn % files.len()];
                pool.prepare(*media, bytes, &preparation).await?;
            }
        });
    }
    while let Some(asker) = askers.join_next().await {
        asker.map_err(|_| DecodeError::unavailable("a measuring task ended by itself", None))??;
    }
    Ok(begun.elapsed().as_secs_f64() * 1000.0 / turns as f64)
}
