//! A log, a store, and copies of the service.

use std::time::Duration;

use hilum_blobs::{BlobStore, StoreConfig};
use hilum_deliver::{DeliverError, Deliverer, Targets};
use hilum_events::{Envelope, Event, Matter, ReportDelivered, samples};
use hilum_forms::Maker;
use hilum_imaging::{DecoderConfig, DecoderPool};
use hilum_log::{Log, Recorded, apply_definitions};
use hilum_runtime::Health;
use hilum_servers::{NatsOptions, NatsServer, TestFolder, wait_until};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Bench {
    pub(crate) folder: TestFolder,
    pub(crate) log: Log,
    pub(crate) store: BlobStore,
    nats: NatsServer,
}

/// A running copy of the service.
pub(crate) struct Copy {
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), DeliverError>>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let folder = TestFolder::new().unwrap();
        let nats = NatsServer::start(&NatsOptions::in_folder(folder.path().join("nats"))).await.unwrap();
        let log = Log::connect(&nats.url(), "test").await.unwrap();
        assert!(wait_until(LIMIT, || async { log.is_connected() }).await);
        apply_definitions(&log, 1).await.unwrap();
        let url = format!("file://{}", folder.path().join("objects").display());
        let store = BlobStore::open(&StoreConfig::at(&url)).unwrap();
        Self { folder, log, store, nats }
    }

    /// Starts a copy and waits until it is ready.
    pub(crate) async fn start(&self, targets: &str) -> Copy {
        let log = Log::connect(&self.nats.url(), "hilum-deliver").await.unwrap();
        let health = Health::default();
        let targets = Targets::parse(targets).unwrap();
        let drain_limit = Duration::from_secs(5);
        let decoder = DecoderPool::new(DecoderConfig::sibling().unwrap());
        let maker = Maker::new(self.store.clone(), decoder);
        let deliverer = Deliverer::new(log, self.store.clone(), maker, targets, health.clone());
        let deliverer = deliverer.unwrap();
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let task = tokio::spawn(async move { deliverer.run(&stop, drain_limit).await });
        assert!(wait_until(LIMIT, || async { health.readiness().ready }).await);
        Copy { shutdown, task }
    }

    pub(crate) fn nats_url(&self) -> String {
        self.nats.url()
    }

    pub(crate) async fn has_consumer(&self, consumer: &str) -> bool {
        let client = async_nats::connect(self.nats.url()).await.unwrap();
        let stream = async_nats::jetstream::new(client).get_stream("EVENTS").await.unwrap();
        stream.consumer_info(consumer).await.is_ok()
    }

    /// Limits the log to what it has and so many facts more, or takes the limit away.
    pub(crate) async fn leave_room_for(&self, facts: Option<u64>) {
        let client = async_nats::connect(self.nats.url()).await.unwrap();
        let context = async_nats::jetstream::new(client);
        let info = context.get_stream("EVENTS").await.unwrap().cached_info().clone();
        let limit = facts.map_or(-1, |facts| (info.state.messages + facts) as i64);
        let config = async_nats::jetstream::stream::Config { max_messages: limit, ..info.config };
        context.update_stream(config).await.unwrap();
    }

    /// Loses a consumer of the log, as a restore without consumers does.
    pub(crate) async fn lose(&self, consumer: &str) {
        let client = async_nats::connect(self.nats.url()).await.unwrap();
        let stream = async_nats::jetstream::new(client).get_stream("EVENTS").await.unwrap();
        stream.delete_consumer(consumer).await.unwrap();
    }

    /// Issues a report whose document says `text`; its position.
    pub(crate) async fn issue(&self, revision: u32, text: &str) -> u64 {
        let json = self.store.put(text.to_owned().into()).await.unwrap();
        let mut fact = samples::report_issued(revision, &[1], 7);
        let Event::ReportIssued(report) = &mut fact.event else { panic!("the sample is another event") };
        report.json = json;
        self.log.append(&fact).await.unwrap().seq()
    }

    pub(crate) async fn last(&self, filter: &str) -> Option<Recorded> {
        self.log.last(filter).await.unwrap()
    }

    /// Waits for a fact under `filter`.
    pub(crate) async fn fact(&self, filter: &str) -> Envelope {
        assert!(wait_until(LIMIT, || async { self.last(filter).await.is_some() }).await, "no fact {filter}");
        self.last(filter).await.unwrap().content.unwrap()
    }

    /// Waits until `target` took `revision`; what is told of it.
    pub(crate) async fn delivered(&self, target: &str, revision: u32) -> ReportDelivered {
        let matter = Matter::Report(revision).token();
        let fact = self.fact(&format!("evt.report-delivered.*.*.{matter}.{target}.*")).await;
        let Event::ReportDelivered(delivered) = fact.event else { panic!("{fact:?}") };
        delivered
    }

    /// How many facts stand under `filter`.
    pub(crate) async fn count(&self, filter: &str) -> usize {
        self.log.all_under(&[filter]).await.unwrap().len()
    }
}

impl Copy {
    /// Stops it as SIGTERM does.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }
}
