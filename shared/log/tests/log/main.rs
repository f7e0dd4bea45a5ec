//! The contract of the log, on a real nats-server.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod clock;
mod consumers;
mod facts;
mod folding;
mod lanes;
mod losses;
mod lost;
mod needs;
mod queue;
mod refused;
mod retries;
mod same;
mod shares;
mod urgent;
mod working;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hilum_events::Event;
use hilum_log::{Failure, Handle, Log, WorkConfig, WorkItem, apply, definitions, work};
use hilum_servers::{NatsOptions, NatsServer, TestFolder, wait_until};
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(30);

struct Bench {
    server: NatsServer,
    log: Log,
    folder: TestFolder,
}

async fn bench() -> Bench {
    bench_with_ack_wait(30).await
}

/// A server without any stream, which allows so many consumers of each.
async fn bare_bench(max_consumers: Option<u32>) -> Bench {
    let folder = TestFolder::new().unwrap();
    let options = NatsOptions { max_consumers, ..NatsOptions::in_folder(folder.path().into()) };
    let server = NatsServer::start(&options).await.unwrap();
    let log = Log::connect(&server.url(), "test").await.unwrap();
    assert!(wait_until(LIMIT, || async { log.is_connected() }).await);
    Bench { server, log, folder }
}

async fn bench_with_ack_wait(ack_wait_s: u64) -> Bench {
    let bench = bare_bench(None).await;
    let mut definitions = definitions();
    for consumer in definitions.iter_mut().flat_map(|definition| &mut definition.consumers) {
        consumer.ack_wait_s = ack_wait_s;
    }
    apply(&bench.log, &definitions, 1).await.unwrap();
    bench
}

impl Bench {
    /// Past our own code, as an operator or an earlier release.
    async fn jetstream(&self) -> async_nats::jetstream::Context {
        async_nats::jetstream::new(async_nats::connect(self.server.url()).await.unwrap())
    }
}

fn work_config(consumer: &str) -> WorkConfig {
    WorkConfig {
        consumers: vec![consumer.to_owned()],
        concurrency: 4,
        handle_limit: Duration::from_secs(5),
        max_tries: 3,
        max_unanswered: 3,
        drain_limit: Duration::from_secs(5),
    }
}

/// Fails in the way that the job's number says, and counts.
struct Scripted {
    calls: AtomicU64,
    fail: fn(u128, u64) -> Option<Failure>,
}

impl Scripted {
    fn new(fail: fn(u128, u64) -> Option<Failure>) -> Arc<Self> {
        Arc::new(Self { calls: AtomicU64::new(0), fail })
    }

    fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Handle for Scripted {
    /// The script sees the job's number and how many calls there were before this one.
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        let before = self.calls.fetch_add(1, Ordering::SeqCst);
        let Event::ImageStored(stored) = &item.envelope.event else { panic!("filtered") };
        (self.fail)(stored.job_id.as_uuid().as_u128(), before).map_or(Ok(()), Err)
    }
}

/// Nothing waits for the dedupe consumer, in hand or for a retry.
async fn settled(log: &Log) -> bool {
    let depths = log.queue_depths().await.unwrap();
    let mut depths = depths.iter().filter(|depth| depth.consumer.starts_with("dedupe"));
    depths.all(|depth| depth.waiting + depth.in_hand == 0)
}

/// Works until `done`.
async fn work_until<H: Handle, F: AsyncFn() -> bool>(
    log: &Log,
    handler: Arc<H>,
    config: &WorkConfig,
    done: F,
) {
    let shutdown = CancellationToken::new();
    let (worked, ()) = tokio::join!(work(log, handler, config, &shutdown), async {
        assert!(wait_until(LIMIT, || done()).await);
        shutdown.cancel();
    });
    worked.unwrap();
}
