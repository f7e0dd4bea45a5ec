//! Several engines over one model: they read at the same time, share what waits, and one that hangs is seen.

use hilum_events::{Priority, Site};
use hilum_infer::{
    BatchSettings, Choice, Engine, EngineDescription, EngineError, EngineKind, ModelWorker, Output,
    Simulation, Wanted, choose,
};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

use crate::support::{demo, engine, golden_cases, largest_difference, variant};

const LIMIT: Duration = Duration::from_secs(20);

/// Counts who is in a forward pass; the first to come wait for company.
#[derive(Default)]
struct Meeting {
    inside: Mutex<(usize, usize)>,
    changed: Condvar,
}

impl Meeting {
    /// Returns when `company` are inside or were so before.
    fn enter(&self, company: usize) {
        let mut counts = self.inside.lock().unwrap();
        counts.0 += 1;
        counts.1 = counts.1.max(counts.0);
        self.changed.notify_all();
        let alone = |counts: &mut (usize, usize)| counts.1 < company;
        drop(self.changed.wait_timeout_while(counts, LIMIT, alone).unwrap());
    }

    fn leave(&self) {
        self.inside.lock().unwrap().0 -= 1;
    }

    fn most(&self) -> usize {
        self.inside.lock().unwrap().1
    }
}

/// Another engine, whose passes meet those of its replicas.
struct Meets {
    inner: Box<dyn Engine>,
    meeting: Arc<Meeting>,
    company: usize,
    sizes: Arc<Mutex<Vec<usize>>>,
}

impl Engine for Meets {
    fn forward(&mut self, batch: &[&[f32]]) -> Result<Vec<Output>, EngineError> {
        self.meeting.enter(self.company);
        self.sizes.lock().unwrap().push(batch.len());
        let outputs = self.inner.forward(batch);
        self.meeting.leave();
        outputs
    }

    fn input_len(&self) -> usize {
        self.inner.input_len()
    }

    fn description(&self) -> EngineDescription {
        self.inner.description()
    }

    fn replica(&self) -> Result<Box<dyn Engine>, EngineError> {
        unreachable!("the test makes them")
    }
}

fn simulated(limit: &str) -> Vec<Box<dyn Engine>> {
    let simulation = Simulation { time_per_image: Duration::ZERO, footprint_bytes: 5_600_000_000 };
    let wanted = Wanted {
        engine: Choice::Only(EngineKind::Simulated(simulation)),
        memory_limit: Some(limit.parse().unwrap()),
        ..Wanted::automatic(NonZeroUsize::new(2).unwrap())
    };
    choose(&demo().folder, &wanted).unwrap().engines
}

/// Reads so many images and gives the most that were read at the same time, with the sizes of all batches.
async fn read(engines: Vec<Box<dyn Engine>>, company: usize, images: usize) -> (usize, Vec<usize>) {
    let (meeting, sizes) = (Arc::new(Meeting::default()), Arc::new(Mutex::new(Vec::new())));
    let meets = |inner| -> Box<dyn Engine> {
        Box::new(Meets { inner, meeting: Arc::clone(&meeting), company, sizes: Arc::clone(&sizes) })
    };
    let engines = engines.into_iter().map(meets).collect();
    let worker = Arc::new(ModelWorker::start(engines, BatchSettings::default()).unwrap());
    let blank = vec![0.5; worker.input_len()];
    let mut tasks = JoinSet::new();
    for _ in 0..images {
        let (worker, input) = (Arc::clone(&worker), blank.clone());
        tasks.spawn(async move {
            worker.announce(Priority::Routine, &Site::default()).submit(input).await.unwrap()
        });
    }
    assert_eq!(tasks.join_all().await.len(), images);
    let sizes = sizes.lock().unwrap().clone();
    (meeting.most(), sizes)
}

#[tokio::test]
async fn twice_the_memory_reads_two_images_at_a_time() {
    let (most, _) = read(simulated("6GB"), 1, 12).await;
    assert_eq!(most, 1);
    let (most, sizes) = read(simulated("12GB"), 2, 12).await;
    assert_eq!(most, 2);
    assert!(sizes.len() >= 2, "{sizes:?}");
}

#[tokio::test]
async fn replicas_of_a_network_read_at_the_same_time_what_one_reads_alone() {
    let demo = demo();
    let case = golden_cases(&demo.folder).remove(0);
    let mut alone = engine(&demo.folder);
    let replica = alone.replica().unwrap();
    let inputs: Vec<Vec<f32>> = (0..6).map(|number| variant(&case, number)).collect();
    let expected: Vec<Output> =
        inputs.iter().map(|input| alone.forward(&[input]).unwrap().remove(0)).collect();
    let meeting = Arc::new(Meeting::default());
    let meets = |inner| -> Box<dyn Engine> {
        Box::new(Meets { inner, meeting: Arc::clone(&meeting), company: 2, sizes: Arc::default() })
    };
    // Six images are more than one batch, so that the first to read must meet the second.
    let settings = BatchSettings { max_batch: NonZeroUsize::new(3).unwrap(), ..BatchSettings::default() };
    let worker = Arc::new(ModelWorker::start(vec![meets(alone), meets(replica)], settings).unwrap());
    let mut tasks = JoinSet::new();
    for (number, input) in inputs.into_iter().enumerate() {
        let worker = Arc::clone(&worker);
        tasks.spawn(async move { (number, worker.submit(input).await.unwrap()) });
    }
    for (number, output) in tasks.join_all().await {
        let difference = largest_difference(&output.logits, &expected[number].logits);
        assert!(difference <= 1e-4, "image {number} differs by {difference:e}");
    }
    assert_eq!(meeting.most(), 2);
}

/// Says that it was called, then answers only when its sender goes.
struct Hangs(Arc<AtomicBool>, std::sync::mpsc::Receiver<()>);

impl Engine for Hangs {
    fn forward(&mut self, batch: &[&[f32]]) -> Result<Vec<Output>, EngineError> {
        self.0.store(true, Ordering::SeqCst);
        self.1.recv().ok();
        Ok(batch.iter().map(|_| Output { logits: vec![0.0], maps: None }).collect())
    }

    fn input_len(&self) -> usize {
        1
    }

    fn description(&self) -> EngineDescription {
        let text = || "hangs".to_owned();
        EngineDescription { engine: text(), version: text(), precision: text(), device: text() }
    }

    fn replica(&self) -> Result<Box<dyn Engine>, EngineError> {
        unreachable!("the test makes them")
    }
}

#[tokio::test]
async fn one_replica_that_hangs_is_seen_while_the_other_works() {
    let (is_hung, works) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let (gate, first) = std::sync::mpsc::channel();
    let (free, second) = std::sync::mpsc::channel();
    drop(free);
    let engines: Vec<Box<dyn Engine>> =
        vec![Box::new(Hangs(Arc::clone(&is_hung), first)), Box::new(Hangs(works, second))];
    let worker = Arc::new(ModelWorker::start(engines, BatchSettings::default()).unwrap());
    // Sooner or later the one that hangs takes an image.
    let (began, mut tasks) = (Instant::now(), JoinSet::new());
    while !is_hung.load(Ordering::SeqCst) {
        let reader = Arc::clone(&worker);
        let answer = tasks.spawn(async move { reader.submit(vec![1.0]).await });
        while !answer.is_finished() && !is_hung.load(Ordering::SeqCst) {
            assert!(began.elapsed() < LIMIT, "nobody took the image");
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(worker.submit(vec![2.0]).await.unwrap().logits, [0.0], "the other still answers");
    let since = worker.busy_since().unwrap();
    assert_eq!(worker.submit(vec![3.0]).await.unwrap().logits, [0.0]);
    assert_eq!(worker.busy_since(), Some(since), "the watchdog sees the one that hangs");
    assert!(worker.is_alive());
    drop(gate);
    while tasks.join_next().await.is_some() {}
}
