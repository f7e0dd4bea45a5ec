//! The contract of the log, on a real nats-server.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hilum_events::{Envelope, Event, Priority, claim_filter, samples};
use hilum_log::{
    AppendError, Appended, DeadLetter, Delivery, Failure, Handle, Log, WorkConfig, WorkError,
    apply_definitions, drift, work,
};
use hilum_servers::{NatsOptions, NatsServer, wait_until};
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(20);

struct Bench {
    server: NatsServer,
    log: Log,
    folder: tempfile::TempDir,
}

async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let server = NatsServer::start(&NatsOptions::in_folder(folder.path().into())).await.unwrap();
    let log = Log::connect(&server.url(), "test").await.unwrap();
    assert!(wait_until(LIMIT, || async { log.is_connected() }).await);
    apply_definitions(&log, 1).await.unwrap();
    Bench { server, log, folder }
}

fn work_config(consumer: &str) -> WorkConfig {
    WorkConfig {
        consumers: vec![consumer.to_owned()],
        concurrency: 4,
        handle_limit: Duration::from_secs(5),
        max_tries: 3,
        drain_limit: Duration::from_secs(5),
    }
}

#[tokio::test]
async fn the_second_telling_of_a_fact_is_the_same_fact() {
    let bench = bench().await;
    let fact = samples::image_stored(1, "a", 0);
    assert_eq!(bench.log.append(&fact).await.unwrap(), Appended::New { seq: 1 });
    assert_eq!(bench.log.append(&fact).await.unwrap(), Appended::AlreadyThere { seq: 1 });
    assert_eq!(bench.log.position().await.unwrap().last_seq, 1);
    let found = bench.log.last(&fact.subject()).await.unwrap().unwrap();
    assert_eq!(found.envelope(), Some(&fact));
}

#[tokio::test]
async fn a_fact_survives_a_killed_server_and_is_still_the_same_fact() {
    let Bench { mut server, log, folder } = bench().await;
    let fact = samples::image_stored(1, "a", 0);
    log.append(&fact).await.unwrap();
    server.process().signal(nix_signal_kill());
    server.process().wait().await.unwrap();
    assert!(matches!(log.append(&fact).await, Err(AppendError::Unavailable(_))));

    let mut options = NatsOptions::in_folder(folder.path().into());
    options.port = Some(server.port());
    let _server = NatsServer::start(&options).await.unwrap();
    assert!(wait_until(LIMIT, || async { log.position().await.is_ok() }).await);
    assert_eq!(log.append(&fact).await.unwrap(), Appended::AlreadyThere { seq: 1 });
}

fn nix_signal_kill() -> nix::sys::signal::Signal {
    nix::sys::signal::Signal::SIGKILL
}

#[tokio::test]
async fn two_facts_of_one_cause_are_two_facts() {
    let bench = bench().await;
    for revision in [1, 2] {
        let appended = bench.log.append(&samples::report_issued(revision, &[1], 0)).await.unwrap();
        assert_eq!(appended, Appended::New { seq: u64::from(revision) });
    }
    assert_eq!(bench.log.position().await.unwrap().last_seq, 2);
}

#[tokio::test]
async fn many_claims_of_one_reading_at_once_have_one_winner_whatever_their_site_and_priority() {
    let bench = bench().await;
    let mut tries = tokio::task::JoinSet::new();
    for number in 0..24_u128 {
        let log = bench.log.clone();
        let mut claim = samples::inference_requested(number, "a", 0);
        claim.site = format!("site-{}", number % 3).parse().unwrap();
        if let Event::InferenceRequested(request) = &mut claim.event {
            request.priority = if number % 2 == 0 { Priority::Stat } else { Priority::Routine };
        }
        tries.spawn(async move {
            match log.append(&claim).await {
                Ok(Appended::New { .. }) => None,
                Err(AppendError::Taken(winner)) => Some(winner.seq),
                other => panic!("{other:?}"),
            }
        });
    }
    let outcomes = tries.join_all().await;
    assert_eq!(outcomes.iter().filter(|seen| seen.is_none()).count(), 1);
    assert!(outcomes.iter().flatten().all(|seq| *seq == 1));
    let claim = bench.log.last(&claim_filter(samples::reading_id("a"))).await.unwrap().unwrap();
    assert_eq!(claim.seq, 1);
}

#[tokio::test]
async fn a_follower_reads_in_order_across_a_restart_of_the_server() {
    let Bench { server, log, folder } = bench().await;
    for number in 1..=3 {
        log.append(&samples::image_stored(number, "a", 0)).await.unwrap();
    }
    let mut follower = log.follow(1, &[]);
    let seqs: Vec<u64> = follower.next_batch(10).await.iter().map(|recorded| recorded.seq).collect();
    assert_eq!(seqs[0], 2);

    let mut options = NatsOptions::in_folder(folder.path().into());
    options.port = Some(server.port());
    server.stop().await;
    let _server = NatsServer::start(&options).await.unwrap();
    assert!(
        wait_until(LIMIT, || async { log.append(&samples::image_stored(4, "a", 0)).await.is_ok() }).await
    );
    // Services follow in tasks of their own.
    fn assert_send<T: Send>(future: T) -> T {
        future
    }
    let read_on = async {
        let mut last = *seqs.last().unwrap();
        while last < 4 {
            let seq = assert_send(follower.next()).await.seq;
            assert_eq!(seq, last + 1);
            last = seq;
        }
    };
    tokio::time::timeout(LIMIT, read_on).await.unwrap();
}

#[tokio::test]
async fn definitions_are_applied_and_drift_is_reported_and_mended() {
    let bench = bench().await;
    assert_eq!(drift(&bench.log, 1).await.unwrap(), []);
    let client = async_nats::connect(bench.server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let stream = context.get_stream("EVENTS").await.unwrap();
    let mut consumer = stream.consumer_info("dedupe").await.unwrap().config;
    consumer.max_deliver = 99;
    let pull = async_nats::jetstream::consumer::pull::Config {
        durable_name: consumer.durable_name.clone(),
        ack_policy: consumer.ack_policy,
        ack_wait: consumer.ack_wait,
        max_deliver: 99,
        max_ack_pending: consumer.max_ack_pending,
        filter_subject: consumer.filter_subject.clone(),
        filter_subjects: consumer.filter_subjects.clone(),
        ..Default::default()
    };
    stream.update_consumer(pull).await.unwrap();
    let drifted = apply_definitions(&bench.log, 1).await.unwrap();
    assert_eq!(drifted.len(), 1, "{drifted:?}");
    assert_eq!(drifted[0].difference, "max_deliver is 99, declared 10");
    assert_eq!(drift(&bench.log, 1).await.unwrap(), []);
}

/// Fails in the way that the job's number says, and counts.
struct Scripted {
    calls: AtomicU64,
    fail: fn(u128, u64) -> Option<Failure>,
}

impl Handle for Scripted {
    async fn handle(&self, delivery: &Delivery) -> Result<(), Failure> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let Event::ImageStored(stored) = &delivery.envelope.event else { panic!("filtered") };
        (self.fail)(stored.job_id.as_uuid().as_u128(), delivery.deliveries).map_or(Ok(()), Err)
    }
}

async fn settled(log: &Log) -> bool {
    let depths = log.queue_depths().await.unwrap();
    depths.iter().find(|depth| depth.consumer == "dedupe").is_some_and(|d| d.waiting + d.in_hand == 0)
}

#[tokio::test]
async fn a_failure_is_tried_again_parked_or_stops_the_work() {
    let bench = bench().await;
    for number in 1..=3 {
        bench.log.append(&samples::image_stored(number, "a", 0)).await.unwrap();
    }
    let handler = Arc::new(Scripted {
        calls: AtomicU64::new(0),
        fail: |job, deliveries| match (job, deliveries) {
            (1, 1) => Some(Failure::Retry("storage is away".into())),
            (2, _) => Some(Failure::Park("this can't be read".into())),
            _ => None,
        },
    });
    let shutdown = CancellationToken::new();
    let config = work_config("dedupe");
    let (done, ()) = tokio::join!(work(&bench.log, handler.clone(), &config, &shutdown), async {
        assert!(wait_until(LIMIT, || settled(&bench.log)).await);
        shutdown.cancel();
    });
    done.unwrap();
    assert_eq!(handler.calls.load(Ordering::SeqCst), 4);

    let dead = bench.log.last("evt.job-dead-lettered.>").await.unwrap().unwrap();
    let Some(Envelope { event: Event::JobDeadLettered(dead), .. }) = dead.envelope() else { panic!() };
    assert_eq!((dead.job_id, dead.stream_seq), (samples::job_id(2), 2));
    assert_eq!(dead.reason, "this can't be read");
    let client = async_nats::connect(bench.server.url()).await.unwrap();
    let letters = async_nats::jetstream::new(client).get_stream("DEAD_LETTERS").await.unwrap();
    let letter = letters.get_last_raw_message_by_subject("dlq.dedupe.2").await.unwrap();
    let letter = DeadLetter::decode(&letter.payload).unwrap();
    assert_eq!(Envelope::decode(&letter.payload).unwrap(), samples::image_stored(2, "a", 0));
    assert_eq!(letter.errors, ["this can't be read"]);
}

#[tokio::test]
async fn a_message_that_keeps_failing_is_parked_after_its_tries() {
    let bench = bench().await;
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let fail: fn(u128, u64) -> Option<Failure> = |_, _| Some(Failure::Retry("storage is away".into()));
    let handler = Arc::new(Scripted { calls: AtomicU64::new(0), fail });
    let shutdown = CancellationToken::new();
    let config = WorkConfig { max_tries: 2, ..work_config("dedupe") };
    let (done, ()) = tokio::join!(work(&bench.log, handler.clone(), &config, &shutdown), async {
        assert!(wait_until(LIMIT, || settled(&bench.log)).await);
        shutdown.cancel();
    });
    done.unwrap();
    assert_eq!(handler.calls.load(Ordering::SeqCst), 2);
    assert!(bench.log.last("evt.job-dead-lettered.>").await.unwrap().is_some());
}

#[tokio::test]
async fn work_ends_when_going_on_would_do_harm() {
    let bench = bench().await;
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let fail: fn(u128, u64) -> Option<Failure> = |_, _| Some(Failure::Stop("two facts in one place".into()));
    let handler = Arc::new(Scripted { calls: AtomicU64::new(0), fail });
    let config = work_config("dedupe");
    let ended =
        tokio::time::timeout(LIMIT, work(&bench.log, handler, &config, &CancellationToken::new())).await;
    assert!(matches!(ended.unwrap(), Err(WorkError::Stopped { seq: 1, .. })));
}

#[tokio::test]
async fn what_is_not_done_when_draining_ends_goes_to_another_worker_at_once() {
    struct Stuck;
    impl Handle for Stuck {
        async fn handle(&self, _: &Delivery) -> Result<(), Failure> {
            std::future::pending().await
        }
    }
    let bench = bench().await;
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let shutdown = CancellationToken::new();
    let config = WorkConfig { drain_limit: Duration::from_millis(100), ..work_config("dedupe") };
    let in_hand = || async {
        let depths = bench.log.queue_depths().await.unwrap();
        depths.iter().any(|depth| depth.consumer == "dedupe" && depth.in_hand == 1)
    };
    let (done, ()) = tokio::join!(work(&bench.log, Arc::new(Stuck), &config, &shutdown), async {
        assert!(wait_until(LIMIT, in_hand).await);
        shutdown.cancel();
    });
    done.unwrap();

    let handler = Arc::new(Scripted { calls: AtomicU64::new(0), fail: |_, _| None });
    let shutdown = CancellationToken::new();
    let begun = std::time::Instant::now();
    let (done, ()) = tokio::join!(work(&bench.log, handler.clone(), &config, &shutdown), async {
        assert!(wait_until(LIMIT, || settled(&bench.log)).await);
        shutdown.cancel();
    });
    done.unwrap();
    assert_eq!(handler.calls.load(Ordering::SeqCst), 1);
    assert!(begun.elapsed() < Duration::from_secs(10), "the ack wait of 30 s was not waited for");
}
