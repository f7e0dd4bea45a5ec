//! The thread side of the worker: takes batches, runs the engine, answers every job exactly one time. A panic of the
//! engine ends the batch, not the thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::{Engine, EngineError, Output};
use crate::queue::batcher::{BatchSettings, Job, Queue};

/// What the worker's handle sees of one thread.
#[derive(Default)]
pub(crate) struct Pass {
    busy_since: Mutex<Option<Instant>>,
}

impl Pass {
    /// When the running forward pass began.
    pub(crate) fn busy_since(&self) -> Option<Instant> {
        *self.busy_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_busy_since(&self, since: Option<Instant>) {
        *self.busy_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// An engine and what it shows of itself.
pub(crate) struct ModelThread {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) pass: Arc<Pass>,
}

impl ModelThread {
    /// Runs until the queue is closed and drained.
    pub(crate) fn run(mut self, settings: &BatchSettings) {
        let mut free_since = Instant::now();
        while let Some(batch) = self.queue.next_batch(settings) {
            let began = Instant::now();
            record_waits(&batch, free_since, began);
            self.read(batch);
            free_since = Instant::now();
            count_time("forward", free_since - began);
        }
    }

    /// Answers every job of the batch. If the batch fails as a whole, its images are read one by one, so that only the
    /// one at fault fails.
    fn read(&mut self, batch: Vec<Job>) {
        let error = match self.forward(&batch) {
            Ok(outputs) => {
                return batch.into_iter().zip(outputs).for_each(|(job, output)| answer(job, Ok(output)));
            }
            Err(error) => error,
        };
        match <[Job; 1]>::try_from(batch) {
            Ok([job]) => answer(job, Err(error)),
            Err(batch) => {
                tracing::warn!(%error, images = batch.len(), "a batch failed; reading its images one by one");
                batch.into_iter().for_each(|job| self.read(vec![job]));
            }
        }
    }

    /// As many outputs as jobs, or an error.
    fn forward(&mut self, batch: &[Job]) -> Result<Vec<Output>, EngineError> {
        let inputs: Vec<&[f32]> = batch.iter().map(|job| job.input.as_slice()).collect();
        let began = Instant::now();
        self.pass.set_busy_since(Some(began));
        // The engine's weights are only read in a forward pass, so that a panic leaves nothing half changed.
        let outputs = catch_unwind(AssertUnwindSafe(|| {
            hilum_faults::reach("infer.forward");
            self.engine.forward(&inputs)
        }));
        self.pass.set_busy_since(None);
        metrics::histogram!("hilum_infer_forward_seconds").record(began.elapsed());
        metrics::histogram!("hilum_infer_batch_size").record(inputs.len() as f64);
        let outputs = outputs.unwrap_or(Err(EngineError::Panicked))?;
        if outputs.len() != batch.len() {
            let reason = format!("it gave {} outputs for {} images", outputs.len(), batch.len());
            return Err(EngineError::Forward { reason });
        }
        Ok(outputs)
    }
}

impl Drop for ModelThread {
    /// However the thread ends. The service ends with its first thread, so that others need not read what is left.
    fn drop(&mut self) {
        self.queue.close();
        if std::thread::panicking() {
            self.queue.abandon();
        }
    }
}

/// How long each image waited for the engine, and how the engine's own time went between two passes: without any
/// image, or holding one back for others to come.
fn record_waits(batch: &[Job], free_since: Instant, began: Instant) {
    for job in batch {
        let waited = began.saturating_duration_since(job.queued_at);
        metrics::histogram!("hilum_infer_queue_wait_seconds").record(waited);
    }
    let first_at = batch.iter().map(|job| job.queued_at).min().unwrap_or(began).max(free_since);
    count_time("idle", first_at.saturating_duration_since(free_since));
    count_time("gather", began.saturating_duration_since(first_at));
}

/// Time of the model's threads by what they did with it, microseconds.
fn count_time(spent_on: &'static str, time: Duration) {
    let time_us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    metrics::counter!("hilum_infer_thread_time_us_total", "spent_on" => spent_on).increment(time_us);
}

/// The caller may have gone meanwhile; then nobody needs the answer.
fn answer(job: Job, output: Result<Output, EngineError>) {
    let _ = job.reply.send(output);
}
