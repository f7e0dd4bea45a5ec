//! Many images at the same time: every caller gets the output of its own image, and only a bad image fails.

use hilum_events::{Priority, Site};
use hilum_infer::{BatchSettings, Engine, EngineDescription, EngineError, ModelWorker, Output};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

use crate::support::{demo, engine, golden_cases, largest_difference, variant};

#[tokio::test]
async fn twenty_images_at_the_same_time_get_what_each_gets_alone() {
    let demo = demo();
    let case = golden_cases(&demo.folder).remove(0);
    let inputs: Vec<Vec<f32>> = (0..20).map(|number| variant(&case, number)).collect();
    let mut single = engine(&demo.folder);
    let alone: Vec<Output> = inputs.iter().map(|input| single.forward(&[input]).unwrap().remove(0)).collect();
    let worker = Arc::new(ModelWorker::start(vec![engine(&demo.folder)], BatchSettings::default()).unwrap());
    let mut tasks = JoinSet::new();
    for (number, input) in inputs.into_iter().enumerate() {
        let worker = Arc::clone(&worker);
        tasks.spawn(async move {
            (number, worker.announce(Priority::Routine, &Site::default()).submit(input).await.unwrap())
        });
    }
    let together = tasks.join_all().await;
    assert_eq!(together.len(), 20);
    for (number, output) in together {
        let own = largest_difference(&output.logits, &alone[number].logits);
        assert!(own <= 1e-4, "image {number} differs by {own:e}");
        let other = &alone[(number + 1) % alone.len()];
        assert!(largest_difference(&output.logits, &other.logits) > 1e-3, "the images must be told apart");
        let (maps, expected) = (output.maps.unwrap(), alone[number].maps.as_ref().unwrap());
        assert!(largest_difference(&maps.values, &expected.values) <= 1e-3);
    }
}

/// Marks in the first value of an input what a [`Scripted`] engine does with it.
const FAIL: f32 = -1.0;
const PANIC: f32 = -2.0;

/// Gives each input's value back, fails on marked ones, and waits for the gate before each pass.
struct Scripted {
    gate: Receiver<()>,
    passes: Passes,
}

/// The values of each pass.
#[derive(Clone, Default)]
struct Passes(Arc<Mutex<Vec<Vec<f32>>>>);

impl Passes {
    fn all(&self) -> Vec<Vec<f32>> {
        self.0.lock().unwrap().clone()
    }

    fn sizes(&self) -> Vec<usize> {
        self.all().iter().map(Vec::len).collect()
    }
}

impl Engine for Scripted {
    fn forward(&mut self, batch: &[&[f32]]) -> Result<Vec<Output>, EngineError> {
        self.gate.recv().ok();
        self.passes.0.lock().unwrap().push(batch.iter().map(|input| input[0]).collect());
        if batch.iter().any(|input| input[0] == FAIL) {
            return Err(EngineError::Forward { reason: "as marked".into() });
        }
        assert!(batch.iter().all(|input| input[0] != PANIC), "as marked");
        Ok(batch.iter().map(|input| Output { logits: vec![input[0]], maps: None }).collect())
    }

    fn input_len(&self) -> usize {
        1
    }

    fn description(&self) -> EngineDescription {
        let text = || "scripted".to_owned();
        EngineDescription { engine: text(), version: text(), precision: text(), device: text() }
    }

    fn replica(&self) -> Result<Box<dyn Engine>, EngineError> {
        unreachable!("one is enough here")
    }
}

struct Fixture {
    worker: Arc<ModelWorker>,
    gate: Sender<()>,
    passes: Passes,
    tasks: JoinSet<(usize, Result<Output, EngineError>)>,
}

impl Fixture {
    fn new(queue_len: usize) -> Self {
        let (gate, wait) = channel();
        let passes = Passes::default();
        let engine = Scripted { gate: wait, passes: passes.clone() };
        let queue_len = NonZeroUsize::new(queue_len).unwrap();
        let settings =
            BatchSettings { queue_len, max_wait: Duration::from_secs(60), ..BatchSettings::default() };
        let worker = Arc::new(ModelWorker::start(vec![Box::new(engine)], settings).unwrap());
        Self { worker, gate, passes, tasks: JoinSet::new() }
    }

    fn submit(&mut self, number: usize, value: f32) {
        let worker = Arc::clone(&self.worker);
        self.tasks.spawn(async move { (number, worker.submit(vec![value]).await) });
    }

    /// Holds the model in a pass of one image while the others queue up.
    async fn queue_up(&mut self, values: &[f32]) {
        self.submit(usize::MAX, 0.5);
        until(|| self.worker.busy_since().is_some()).await;
        for (number, value) in values.iter().enumerate() {
            self.submit(number, *value);
        }
        tokio::task::yield_now().await;
    }

    /// Lets them queue up and then all passes run.
    async fn read(mut self, values: &[f32]) -> Vec<Result<Output, EngineError>> {
        self.queue_up(values).await;
        drop(self.gate);
        let mut answers = self.tasks.join_all().await;
        answers.sort_by_key(|(number, _)| *number);
        answers.pop();
        answers.into_iter().map(|(_, answer)| answer).collect()
    }
}

async fn until(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "waited too long");
        tokio::task::yield_now().await;
    }
}

fn logit(answer: &Result<Output, EngineError>) -> f32 {
    answer.as_ref().unwrap().logits[0]
}

#[tokio::test]
async fn images_that_queue_up_are_read_in_batches_of_at_most_eight() {
    let fixture = Fixture::new(32);
    let passes = fixture.passes.clone();
    let answers = fixture.read(&(1..=20u8).map(f32::from).collect::<Vec<_>>()).await;
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(logit(answer), number as f32 + 1.0);
    }
    assert_eq!(passes.sizes(), [1, 8, 8, 4]);
}

#[tokio::test]
async fn an_image_that_fails_does_not_fail_its_batch() {
    let answers = Fixture::new(32).read(&[1.0, FAIL, 3.0]).await;
    assert_eq!((logit(&answers[0]), logit(&answers[2])), (1.0, 3.0));
    assert!(matches!(answers[1], Err(EngineError::Forward { .. })));
}

#[tokio::test]
async fn an_image_on_which_the_model_panics_does_not_fail_its_batch() {
    let answers = Fixture::new(32).read(&[1.0, 2.0, PANIC, 4.0]).await;
    assert_eq!((logit(&answers[0]), logit(&answers[1]), logit(&answers[3])), (1.0, 2.0, 4.0));
    assert!(matches!(answers[2], Err(EngineError::Panicked)));
}

#[tokio::test]
async fn a_full_queue_makes_callers_wait_and_loses_none() {
    let answers = Fixture::new(2).read(&(1..=30u8).map(f32::from).collect::<Vec<_>>()).await;
    assert!(answers.iter().enumerate().all(|(number, answer)| logit(answer) == number as f32 + 1.0));
}

#[tokio::test]
async fn an_urgent_image_is_in_the_next_batch_however_many_wait_inside_and_outside_the_queue() {
    let mut fixture = Fixture::new(16);
    fixture.queue_up(&(1..=30u8).map(f32::from).collect::<Vec<_>>()).await;
    let urgent = fixture.worker.announce(Priority::Stat, &Site::default()).submit(vec![99.0]);
    let (answer, ()) = tokio::join!(urgent, async { drop(fixture.gate) });
    assert_eq!(logit(&answer), 99.0);
    assert_eq!(fixture.passes.all()[..2], [vec![0.5], vec![99.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]);
    fixture.tasks.join_all().await;
}

#[tokio::test]
async fn a_model_that_hangs_shows_since_when() {
    let mut fixture = Fixture::new(4);
    assert_eq!(fixture.worker.busy_since(), None);
    let before = Instant::now();
    fixture.submit(0, 1.0);
    until(|| fixture.worker.busy_since().is_some()).await;
    assert!(fixture.worker.busy_since().unwrap() >= before);
    drop(fixture.gate);
    fixture.tasks.join_all().await;
    let worker = fixture.worker;
    until(|| worker.busy_since().is_none()).await;
}
