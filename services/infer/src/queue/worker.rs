//! Engines on threads of their own, behind one bounded queue. A failing image never fails the others of its batch, and a
//! thread that has ended or hangs is noticed. Knows no network, message or model folder.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use hilum_events::{Priority, Site};
use tokio::sync::{Semaphore, oneshot};

use crate::engine::{Engine, EngineDescription, EngineError, Output};
use crate::queue::batcher::{BatchSettings, Job, Lanes, Queue};
use crate::queue::thread::{ModelThread, Pass};

/// Takes images from any task and has them read in batches. Dropping it lets the threads finish what is queued and end.
pub struct ModelWorker {
    queue: Arc<Queue>,
    /// Each priority has its own, so that no urgent image waits outside for routine ones within.
    places: Lanes<Arc<Semaphore>>,
    threads: Vec<(JoinHandle<()>, Arc<Pass>)>,
    description: EngineDescription,
    input_len: usize,
    max_batch: NonZeroUsize,
}

/// The promise that an image will be submitted soon: batches wait for it for a bounded time. Dropping it withdraws the
/// promise.
pub struct Announced<'a> {
    worker: &'a ModelWorker,
    priority: Priority,
    site: Site,
    is_kept: bool,
}

impl ModelWorker {
    /// Moves each engine to a new thread. All are over the same weights: [`Engine::replica`].
    ///
    /// # Errors
    /// There is no engine, or the system gives no thread.
    pub fn start(engines: Vec<Box<dyn Engine>>, settings: BatchSettings) -> std::io::Result<Self> {
        let first = engines.first().ok_or_else(|| std::io::Error::other("there is no engine to start"))?;
        let places = || Arc::new(Semaphore::new(settings.queue_len.get()));
        let mut worker = Self {
            queue: Arc::new(Queue::default()),
            places: Lanes { urgent: places(), routine: places() },
            threads: Vec::new(),
            description: first.description(),
            input_len: first.input_len(),
            max_batch: settings.max_batch,
        };
        for (index, engine) in engines.into_iter().enumerate() {
            let pass = Arc::new(Pass::default());
            let thread = ModelThread { engine, queue: Arc::clone(&worker.queue), pass: Arc::clone(&pass) };
            let builder = std::thread::Builder::new().name(format!("hilum-model-{index}"));
            worker.threads.push((builder.spawn(move || thread.run(&settings))?, pass));
        }
        Ok(worker)
    }

    /// Says that an image is being prepared, how soon its reading is wanted and by whom. Call it when its preparation
    /// starts.
    pub fn announce(&self, priority: Priority, site: &Site) -> Announced<'_> {
        self.queue.announce(priority);
        Announced { worker: self, priority, site: site.clone(), is_kept: false }
    }

    /// Has one image read in its turn: row-major, side × side values in the model's range. Waits for a place in the
    /// queue and for the answer. A dropped call costs no forward pass if its batch has not begun.
    ///
    /// # Errors
    /// The input or the output is unusable, the model failed on this image, or its thread has ended.
    pub async fn submit(&self, input: Vec<f32>) -> Result<Output, EngineError> {
        check_input(&input, self.input_len)?;
        let (job, answer) = self.job(input, Priority::Routine, Site::default()).await?;
        self.queue.push(job, false);
        answer.await.unwrap_or(Err(EngineError::WorkerGone))
    }

    async fn job(
        &self,
        input: Vec<f32>,
        priority: Priority,
        site: Site,
    ) -> Result<(Job, Answer), EngineError> {
        let places = Arc::clone(self.places.of(priority));
        let place = places.acquire_owned().await.map_err(|_| EngineError::WorkerGone)?;
        let (reply, answer) = oneshot::channel();
        Ok((Job { input, priority, site, queued_at: Instant::now(), reply, place: Some(place) }, answer))
    }

    /// When the longest of the forward passes that are running now began; `None` while all engines are idle. A watchdog
    /// compares it with the longest time a batch may take.
    pub fn busy_since(&self) -> Option<Instant> {
        self.threads.iter().filter_map(|(_, pass)| pass.busy_since()).min()
    }

    /// False once any thread has ended.
    pub fn is_alive(&self) -> bool {
        self.threads.iter().all(|(thread, _)| !thread.is_finished())
    }

    /// What computes, for the record of each reading.
    pub fn description(&self) -> &EngineDescription {
        &self.description
    }

    /// How many forward passes run at the same time.
    pub fn replicas(&self) -> usize {
        self.threads.len()
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

impl Drop for ModelWorker {
    fn drop(&mut self) {
        self.queue.close();
    }
}

type Answer = oneshot::Receiver<Result<Output, EngineError>>;

impl Announced<'_> {
    /// As [`ModelWorker::submit`], as soon as was announced; keeps the promise.
    ///
    /// # Errors
    /// As [`ModelWorker::submit`].
    pub async fn submit(mut self, input: Vec<f32>) -> Result<Output, EngineError> {
        check_input(&input, self.worker.input_len)?;
        let (job, answer) = self.worker.job(input, self.priority, self.site.clone()).await?;
        // In one step, so that the batcher never sees neither the promise nor the image.
        self.is_kept = true;
        self.worker.queue.push(job, true);
        answer.await.unwrap_or(Err(EngineError::WorkerGone))
    }
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            self.worker.queue.withdraw(self.priority);
        }
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

        fn replica(&self) -> Result<Box<dyn Engine>, EngineError> {
            Ok(Box::new(Self))
        }
    }

    fn worker() -> ModelWorker {
        ModelWorker::start(vec![Box::new(Echo), Box::new(Echo)], BatchSettings::default()).unwrap()
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
        let worker = worker();
        assert!(worker.is_alive());
        worker.queue.close();
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
        for priority in [Priority::Routine, Priority::Stat] {
            drop(worker.announce(priority, &Site::default()));
            let announced = worker.announce(priority, &Site::default());
            assert_eq!(worker.queue.announced(priority), 1);
            assert_eq!(announced.submit(vec![3.0]).await.unwrap().logits, [3.0]);
            assert_eq!(worker.queue.announced(priority), 0);
        }
        assert_eq!(worker.busy_since(), None);
    }
}
