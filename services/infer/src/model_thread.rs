//! The thread side of the worker: takes batches, runs the engine, answers every job exactly one time. A panic of the
//! engine ends the batch, not the thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::batcher::{BatchSettings, Job, next_batch};
use crate::engine::{Engine, EngineError, Output};

/// What the worker's handle and its thread both see.
#[derive(Default)]
pub(crate) struct Shared {
    /// Images that are being prepared.
    pub(crate) announced: AtomicUsize,
    busy_since: Mutex<Option<Instant>>,
}

impl Shared {
    /// When the running forward pass began.
    pub(crate) fn busy_since(&self) -> Option<Instant> {
        *self.busy_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_busy_since(&self, since: Option<Instant>) {
        *self.busy_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// The engine and what it shows of itself.
pub(crate) struct ModelThread {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) shared: Arc<Shared>,
}

impl ModelThread {
    /// Runs until the queue is closed and drained.
    pub(crate) fn run(mut self, queue: &Receiver<Job>, settings: &BatchSettings) {
        while let Some(batch) = next_batch(queue, settings, &self.shared.announced) {
            let began = Instant::now();
            for job in &batch {
                let waited = began.saturating_duration_since(job.queued_at);
                metrics::histogram!("hilum_infer_queue_wait_seconds").record(waited);
            }
            self.read(batch);
        }
    }

    /// Answers every job of the batch. If the batch fails as a whole, its images are read one by one, so that only the
    /// one at fault fails.
    fn read(&mut self, batch: Vec<Job>) {
        let error = match self.forward(&batch) {
            Ok(outputs) => {
                return batch.into_iter().zip(outputs).for_each(|(job, output)| answer(job, finite(output)));
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
        self.shared.set_busy_since(Some(began));
        // The engine's weights are only read in a forward pass, so that a panic leaves nothing half changed.
        let outputs = catch_unwind(AssertUnwindSafe(|| {
            hilum_log::reach("infer.forward");
            self.engine.forward(&inputs)
        }));
        self.shared.set_busy_since(None);
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

/// Whoever asked may have gone meanwhile; then nobody needs the answer.
fn answer(job: Job, output: Result<Output, EngineError>) {
    let _ = job.reply.send(output);
}

fn finite(output: Output) -> Result<Output, EngineError> {
    let maps = output.maps.iter().flat_map(|maps| &maps.values);
    if output.logits.iter().chain(maps).all(|value| value.is_finite()) {
        Ok(output)
    } else {
        Err(EngineError::OutputNotFinite)
    }
}
