//! The handler against a real nats-server, a store in a folder, the real decoder and engines that say what no network may.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::Cursor;
use std::sync::Mutex;
use std::time::Duration;

use hilum_blobs::StoreConfig;
use hilum_events::{
    JobId, MediaType, ModelIdentity, StoredImage, dead_letter_filter, failed_filter, samples,
};
use hilum_imaging::DecoderConfig;
use hilum_log::{WorkConfig, apply_definitions, work};
use hilum_models::demo::write_demo;
use hilum_servers::{NatsOptions, NatsServer, TestFolder, wait_until};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::engine::{ActivationMaps, Engine, EngineDescription};
use crate::queue::batcher::BatchSettings;

const LIMIT: Duration = Duration::from_secs(30);

/// Gives the outputs that it was told to, one for each image.
struct Scripted {
    outputs: Arc<Mutex<Vec<Output>>>,
    input_len: usize,
}

impl Engine for Scripted {
    fn forward(&mut self, batch: &[&[f32]]) -> Result<Vec<Output>, EngineError> {
        Ok(self.outputs.lock().unwrap().drain(..batch.len()).collect())
    }

    fn input_len(&self) -> usize {
        self.input_len
    }

    fn description(&self) -> EngineDescription {
        let text = || "scripted".to_owned();
        EngineDescription { engine: text(), version: text(), precision: text(), device: text() }
    }

    fn replica(&self) -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(Self { outputs: self.outputs.clone(), ..*self }))
    }
}

/// The service with a scripted engine, and all it needs.
struct Fixture {
    _folder: TestFolder,
    _nats: NatsServer,
    log: Log,
    blobs: BlobStore,
    model: Arc<Model>,
    /// A reader beside the first, with another model and the same engine.
    another: Box<dyn Fn(Arc<Model>) -> Reader>,
    shutdown: CancellationToken,
    working: JoinHandle<()>,
}

impl Fixture {
    /// The images get the outputs in this order.
    async fn new(outputs: impl FnOnce(usize) -> Vec<Output>) -> Self {
        let decoders = DecoderConfig::sibling().expect("hilum-decoder is built with hilum-imaging");
        let folder = TestFolder::new().unwrap();
        let nats = NatsServer::start(&NatsOptions::in_folder(folder.path().join("nats"))).await.unwrap();
        let log = Log::connect(&nats.url(), "test").await.unwrap();
        assert!(wait_until(LIMIT, || async { log.is_connected() }).await);
        apply_definitions(&log, 1).await.unwrap();
        let blobs = StoreConfig::at(&format!("file://{}", folder.path().join("objects").display()));
        let blobs = BlobStore::open(&blobs).unwrap();
        let demo = write_demo(&folder.path().join("model")).unwrap();
        let outputs = Arc::new(Mutex::new(outputs(demo.manifest().labels.len())));
        let engine = Scripted { outputs, input_len: demo.manifest().input_len() };
        let model = Arc::new(Model::of(&demo, engine.description(), 1).unwrap());
        let worker = Arc::new(ModelWorker::start(vec![Box::new(engine)], BatchSettings::default()).unwrap());
        let (reader_log, store, decoders) = (log.clone(), blobs.clone(), DecoderPool::new(decoders));
        let reader = move |model| Reader {
            log: reader_log.clone(),
            store: store.clone(),
            decoders: decoders.clone(),
            model,
            worker: worker.clone(),
        };
        let shutdown = CancellationToken::new();
        let (another, reader) = (reader.clone(), reader(model.clone()));
        let working = tokio::spawn(read_until(log.clone(), reader, shutdown.clone()));
        let another = Box::new(another);
        Self { _folder: folder, _nats: nats, log, blobs, model, another, shutdown, working }
    }

    /// Asks for a reading of a picture that no other number has.
    async fn ask(&self, number: u8) -> u64 {
        self.ask_for(number, picture(number), self.model.identity.clone()).await
    }

    /// Asks this model for a reading of these bytes.
    async fn ask_for(&self, number: u8, bytes: Vec<u8>, model: ModelIdentity) -> u64 {
        let blob = self.blobs.put(bytes.into()).await.unwrap();
        let stored = StoredImage { blob, media_type: MediaType::Png, dicom: None };
        let mut asked = samples::inference_requested(number.into(), &content(number), 0);
        let Event::InferenceRequested(request) = &mut asked.event else { unreachable!() };
        (request.image, request.model) = (stored, model);
        self.log.append(&asked).await.unwrap().seq()
    }

    /// Why the image at this position was given up.
    async fn parked(&self, number: u8, seq: u64) -> String {
        let filter = dead_letter_filter(job_id(number), seq);
        let told = || async { self.log.last(&filter).await.unwrap().is_some() };
        assert!(wait_until(LIMIT, told).await, "nothing was parked");
        let told = self.log.last(&filter).await.unwrap().unwrap();
        let Event::JobDeadLettered(dead) = &told.envelope().unwrap().event else { panic!("{told:?}") };
        assert!(self.log.dead_letter("infer", seq).await.unwrap().is_some(), "its story is kept");
        dead.reason.clone()
    }

    async fn is_read(&self, number: u8) -> bool {
        let filter = completed_filter(samples::reading_id(&content(number)));
        self.log.last(&filter).await.unwrap().is_some()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.working.await.unwrap();
    }
}

async fn read_until(log: Log, reader: Reader, shutdown: CancellationToken) {
    let config = WorkConfig {
        consumers: vec!["infer-stat".to_owned(), "infer-routine".to_owned()],
        concurrency: 1,
        handle_limit: LIMIT,
        max_tries: 3,
        max_unanswered: 3,
        drain_limit: Duration::from_secs(5),
    };
    Box::pin(work(&log, Arc::new(reader), &config, &shutdown)).await.unwrap();
}

/// A PNG that no other number has.
fn picture(number: u8) -> Vec<u8> {
    let shade = |x: u32, y: u32| image::Luma([u8::try_from((x + y) % 200).unwrap() + number]);
    let mut png = Cursor::new(Vec::new());
    image::GrayImage::from_fn(256, 256, shade).write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

fn content(number: u8) -> String {
    format!("content {number}")
}

fn job_id(number: u8) -> JobId {
    samples::job_id(number.into())
}

fn output(labels: usize) -> Output {
    let values = vec![0.5; labels * 4];
    Output { logits: vec![-1.0; labels], maps: Some(ActivationMaps { height: 2, width: 2, values }) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_model_can_not_have_said_is_parked_with_its_reason_and_never_published() {
    let fixture = Fixture::new(|labels| {
        let mut outputs = vec![output(labels); 4];
        outputs[0].logits[3] = f32::NAN;
        outputs[1].logits.pop();
        outputs[2].maps.as_mut().unwrap().values.fill(f32::INFINITY);
        outputs
    })
    .await;
    for (number, why) in
        [(1, "the logit NaN for"), (2, "no finding of"), (3, "a value that is not a finite number")]
    {
        let seq = fixture.ask(number).await;
        let reason = fixture.parked(number, seq).await;
        assert!(reason.contains(why) && reason.contains("hilum model check"), "{reason}");
        assert!(!fixture.is_read(number).await);
    }
    // What is wrong with one image is no reason to stop.
    fixture.ask(4).await;
    assert!(wait_until(LIMIT, || fixture.is_read(4)).await);
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_that_can_not_be_read_is_failed_with_who_says_so() {
    let fixture = Fixture::new(|_| Vec::new()).await;
    let mut cut = picture(1);
    cut.truncate(cut.len() / 2);
    fixture.ask_for(1, cut, fixture.model.identity.clone()).await;
    let filter = failed_filter(samples::reading_id(&content(1)), 1);
    assert!(wait_until(LIMIT, || async { fixture.log.last(&filter).await.unwrap().is_some() }).await);
    let told = fixture.log.last(&filter).await.unwrap().unwrap();
    let Event::InferenceFailed(failed) = &told.envelope().unwrap().event else { panic!("{told:?}") };
    let reader = failed.reader.as_ref().unwrap();
    assert_eq!(
        (reader.release.as_str(), &reader.model),
        (env!("CARGO_PKG_VERSION"), &fixture.model.identity)
    );
    fixture.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_for_a_model_that_no_worker_has_waits_for_one_and_costs_no_try() {
    let fixture = Fixture::new(|labels| vec![output(labels); 5]).await;
    let mut next = (*fixture.model).clone();
    next.identity.version = "2".to_owned();
    let next = Arc::new(next);
    let mut seqs = Vec::new();
    for number in 1..=3 {
        seqs.push(fixture.ask_for(number, picture(number), next.identity.clone()).await);
    }
    let unmet = || async { fixture.log.unmet_needs().await.unwrap() };
    assert!(wait_until(LIMIT, || async { unmet().await.iter().any(|unmet| unmet.waiting == 3) }).await);
    // The worker with the model of before goes on, though its tries and hands are few.
    for number in [4, 5] {
        fixture.ask(number).await;
        assert!(wait_until(LIMIT, || fixture.is_read(number)).await);
    }
    let told = unmet().await;
    assert_eq!(told[0].need, format!("model {} version 2", next.identity.name));
    assert!(fixture.log.waits_for(&told[0], seqs[0]).await.unwrap());
    for (number, seq) in (1..=3).zip(&seqs) {
        assert!(!fixture.is_read(number).await);
        assert!(fixture.log.last(&dead_letter_filter(job_id(number), *seq)).await.unwrap().is_none());
    }

    let shutdown = CancellationToken::new();
    let worker = tokio::spawn(read_until(fixture.log.clone(), (fixture.another)(next), shutdown.clone()));
    for number in 1..=3 {
        assert!(wait_until(LIMIT, || fixture.is_read(number)).await, "{:?}", unmet().await);
    }
    assert!(wait_until(LIMIT, || async { unmet().await.is_empty() }).await);
    shutdown.cancel();
    worker.await.unwrap();
    fixture.stop().await;
}
