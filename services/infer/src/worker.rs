//! An engine on a thread of its own, behind a bounded queue. A failing image never fails the others of its batch, and a
//! thread that has ended or hangs is noticed. Knows no network, message or model folder.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::{Semaphore, oneshot};

use crate::batcher::{BatchSettings, Job};
use crate::engine::{Engine, EngineDescription, EngineError, Output};
use crate::model_thread::{ModelThread, Shared};

/// Takes images from any task and has them read in batches. Dropping it lets the thread finish what is queued and end.
pub struct ModelWorker {
    queue: Sender<Job>,
    places: Arc<Semaphore>,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
    description: EngineDescription,
    input_len: usize,
    max_batch: NonZeroUsize,
}

/// The promise that an image will be submitted soon: batches wait for it for a bounded time. Dropping it withdraws the
/// promise.
pub struct Announced<'a> {
    worker: &'a ModelWorker,
}

impl ModelWorker {
    /// Moves the engine to a new thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(engine: Box<dyn Engine>, settings: BatchSettings) -> std::io::Result<Self> {
        let (queue, jobs) = channel();
        let shared = Arc::new(Shared::default());
        let (description, input_len) = (engine.description(), engine.input_len());
        let thread = std::thread::Builder::new().name("hilum-model".to_owned());
        let thread = thread.spawn({
            let shared = Arc::clone(&shared);
            move || ModelThread { engine, shared }.run(&jobs, &settings)
        })?;
        let places = Arc::new(Semaphore::new(settings.queue_len.get()));
        let max_batch = settings.max_batch;
        Ok(Self { queue, places, shared, thread, description, input_len, max_batch })
    }

    /// Says that an image is being prepared. Call it when its preparation starts.
    pub fn announce(&self) -> Announced<'_> {
        self.shared.announced.fetch_add(1, Ordering::AcqRel);
        Announced { worker: self }
    }

    /// Has one image read: row-major, side × side values in the model's range. Waits for a place in the queue and for
    /// the answer. A dropped call costs no forward pass if its batch has not begun.
    ///
    /// # Errors
    /// The input or the output is unusable, the model failed on this image, or its thread has ended.
    pub async fn submit(&self, input: Vec<f32>) -> Result<Output, EngineError> {
        check_input(&input, self.input_len)?;
        self.enqueue(input).await?.await.unwrap_or(Err(EngineError::WorkerGone))
    }

    async fn enqueue(&self, input: Vec<f32>) -> Result<Answer, EngineError> {
        let places = Arc::clone(&self.places);
        let place = places.acquire_owned().await.map_err(|_| EngineError::WorkerGone)?;
        let (reply, answer) = oneshot::channel();
        let job = Job { input, queued_at: Instant::now(), reply, place: Some(place) };
        self.queue.send(job).map_err(|_| EngineError::WorkerGone)?;
        Ok(answer)
    }

    /// When the forward pass that is running now began; `None` while the model is idle. A watchdog compares it with the
    /// longest time a batch may take.
    pub fn busy_since(&self) -> Option<Instant> {
        self.shared.busy_since()
    }

    /// False once the thread has ended.
    pub fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    /// What computes.
    pub fn description(&self) -> &EngineDescription {
        &self.description
    }

    /// Values of one input.
    pub fn input_len(&self) -> usize {
        self.input_len
    }

    /// Most images in one forward pass.
    pub fn max_batch(&self) -> NonZeroUsize {
        self.max_batch
    }
}

type Answer = oneshot::Receiver<Result<Output, EngineError>>;

impl Announced<'_> {
    /// As [`ModelWorker::submit`]; keeps the promise.
    ///
    /// # Errors
    /// As [`ModelWorker::submit`].
    pub async fn submit(self, input: Vec<f32>) -> Result<Output, EngineError> {
        check_input(&input, self.worker.input_len)?;
        let answer = self.worker.enqueue(input).await?;
        // Withdrawn only now, so that the batcher never sees neither the promise nor the image.
        drop(self);
        answer.await.unwrap_or(Err(EngineError::WorkerGone))
    }
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        self.worker.shared.announced.fetch_sub(1, Ordering::AcqRel);
    }
}

fn check_input(input: &[f32], expected: usize) -> Result<(), EngineError> {
    if input.len() != expected {
        return Err(EngineError::InputSize { expected, found: input.len() });
    }
    match input.iter().position(|value| !value.is_finite()) {
        Some(position) => Err(EngineError::InputNotFinite { position }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives each input's value as the logit.
    struct Echo;

    impl Engine for Echo {
        fn forward(&mut self, batch: &[&[f32]]) -> Result<Vec<Output>, EngineError> {
            Ok(batch.iter().map(|input| Output { logits: vec![input[0]], maps: None }).collect())
        }

        fn input_len(&self) -> usize {
            1
        }

        fn description(&self) -> EngineDescription {
            let text = || "echo".to_owned();
            EngineDescription { engine: text(), version: text(), precision: text(), device: text() }
        }
    }

    fn worker() -> ModelWorker {
        ModelWorker::start(Box::new(Echo), BatchSettings::default()).unwrap()
    }

    #[tokio::test]
    async fn an_unusable_input_is_refused_before_it_reaches_a_batch() {
        let worker = worker();
        let wrong = worker.submit(vec![1.0, 2.0]).await.unwrap_err();
        assert!(matches!(wrong, EngineError::InputSize { expected: 1, found: 2 }) && wrong.is_final());
        let wrong = worker.submit(vec![f32::NAN]).await.unwrap_err();
        assert!(matches!(wrong, EngineError::InputNotFinite { position: 0 }) && wrong.is_final());
    }

    #[tokio::test]
    async fn a_thread_that_has_ended_is_reported() {
        let mut worker = worker();
        let (queue, jobs) = channel();
        drop(jobs);
        // The real thread ends because its queue is closed.
        drop(std::mem::replace(&mut worker.queue, queue));
        let gone = worker.submit(vec![1.0]).await.unwrap_err();
        assert!(matches!(gone, EngineError::WorkerGone) && !gone.is_final());
        let deadline = Instant::now() + std::time::Duration::from_secs(10);
        while worker.is_alive() {
            assert!(Instant::now() < deadline, "the thread did not end");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn an_announcement_is_withdrawn_when_it_is_kept_or_dropped() {
        let worker = worker();
        drop(worker.announce());
        let announced = worker.announce();
        assert_eq!(worker.shared.announced.load(Ordering::Acquire), 1);
        assert_eq!(announced.submit(vec![3.0]).await.unwrap().logits, [3.0]);
        assert_eq!(worker.shared.announced.load(Ordering::Acquire), 0);
        assert_eq!(worker.busy_since(), None);
    }
}
