//! What the core relies on, asked of the server in memory and of a real nats-server, each through `hilum-log`: both must
//! give the same answers, or the simulation would tell of another world.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{self, AckKind};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use hilum_events::{Event, Priority, claim_filter, dead_letter_filter, samples, study_images_filter};
use hilum_log::{
    AppendError, Appended, ConsumerDefinition, Failure, Handle, Handout, Log, Recorded, Reply, WorkConfig,
    WorkItem, Worker, apply_definitions,
};
use hilum_servers::{NatsOptions, NatsServer, TestFolder, wait_until};
use hilum_simulation::Shared;
use hilum_simulation::memory::{ConsumerConfig, StreamName};
use jiff::{SignedDuration, Timestamp};

const CONSUMER: &str = "deliver-contract";
const RETRIES: &str = "deliver-contract-retry";
/// Longer than all that a case waits for.
const LIMIT: Duration = Duration::from_secs(10);

/// A server, from the side of who takes messages from it and who looks after it.
trait Port: Sync {
    fn log(&self) -> &Log;
    /// The log shall take no more than so many facts.
    fn limit(&self, max_facts: Option<i64>) -> BoxFuture<'_, ()>;
    /// Makes the consumer of all images and the one of its tickets; what is not settled for a second comes again.
    fn consume(&self, max_deliver: i64, max_ack_pending: i64) -> BoxFuture<'_, ()>;
    /// A message, as soon as there is one; none if there is none within `limit`.
    fn pull<'a>(&'a self, consumer: &'a str, limit: Duration) -> BoxFuture<'a, Option<Pulled>>;
    fn reply<'a>(&'a self, pulled: &'a Pulled, kind: AckKind) -> BoxFuture<'a, ()>;
}

struct Pulled {
    seq: u64,
    deliveries: u64,
    payload: bytes::Bytes,
    message: Option<jetstream::Message>,
    consumer: String,
}

type Case = (&'static str, for<'a> fn(&'a dyn Port) -> BoxFuture<'a, ()>);

const CASES: [Case; 13] = [
    ("a fact is told once", |port| Box::pin(told_once(port))),
    ("one of many claims wins", |port| Box::pin(one_claim_wins(port))),
    ("a further attempt follows the one before", |port| Box::pin(attempts_follow(port))),
    ("the newest under a filter is found", |port| Box::pin(newest_is_found(port))),
    ("a full log answers for what stands in it", |port| Box::pin(full(port))),
    ("a consumer hands out each message once", |port| Box::pin(handed_out_once(port))),
    ("what is not settled comes again", |port| Box::pin(comes_again(port))),
    ("so often and no more", |port| Box::pin(no_more(port))),
    ("so many in hand and no more", |port| Box::pin(in_hand(port))),
    ("a ticket waits, is handed out and is gone", |port| Box::pin(tickets(port))),
    ("a failed message comes again by a ticket", |port| Box::pin(retried(port))),
    ("what is given up is told once, with its first story", |port| Box::pin(given_up(port))),
    ("the log is followed in its order", |port| Box::pin(followed(port))),
];

#[test]
fn the_server_in_memory_keeps_the_contract() {
    for (name, case) in CASES {
        eprintln!("{name}");
        let shared = Shared::new(1);
        let log = Log::kept_by(Arc::new(shared.clone()));
        let memory = InMemory { shared: shared.clone(), log };
        shared.complete(case(&memory));
    }
}

#[tokio::test]
async fn nats_server_keeps_the_contract() {
    for (name, case) in CASES {
        eprintln!("{name}");
        let folder = TestFolder::new().unwrap();
        let server = NatsServer::start(&NatsOptions::in_folder(folder.path().into())).await.unwrap();
        let log = Log::connect(&server.url(), "contract").await.unwrap();
        assert!(wait_until(LIMIT, || async { log.is_connected() }).await);
        apply_definitions(&log, 1).await.unwrap();
        let client = async_nats::connect(server.url()).await.unwrap();
        let nats = Nats { log, context: jetstream::new(client) };
        case(&nats).await;
    }
}

struct InMemory {
    shared: Shared,
    log: Log,
}

struct Nats {
    log: Log,
    context: jetstream::Context,
}

fn definition(max_deliver: i64, max_ack_pending: i64) -> ConsumerDefinition {
    ConsumerDefinition {
        name: CONSUMER.to_owned(),
        lanes: None,
        filter_subjects: vec!["evt.image-stored.>".to_owned()],
        ack_wait_s: 1,
        max_deliver,
        max_ack_pending,
    }
}

impl Port for InMemory {
    fn log(&self) -> &Log {
        &self.log
    }

    fn limit(&self, max_facts: Option<i64>) -> BoxFuture<'_, ()> {
        self.shared.lock().memory.max_facts = max_facts.map(|max| usize::try_from(max).unwrap());
        Box::pin(async {})
    }

    fn consume(&self, max_deliver: i64, max_ack_pending: i64) -> BoxFuture<'_, ()> {
        let config = |name: &str, filter: &str| ConsumerConfig {
            name: name.to_owned(),
            declared: name.to_owned(),
            lane: None,
            filters: vec![filter.to_owned()],
            ack_wait: SignedDuration::from_secs(1),
            max_deliver: u64::try_from(max_deliver).unwrap(),
            max_ack_pending: usize::try_from(max_ack_pending).unwrap(),
        };
        let memory = &mut self.shared.lock().memory;
        let last_seq = memory.last_seq(StreamName::Events);
        memory.make_consumer(StreamName::Events, config(CONSUMER, "evt.image-stored.>"), last_seq);
        let filter = format!("retry.due.{CONSUMER}.>");
        memory.make_consumer(StreamName::Retries, config(RETRIES, &filter), 0);
        Box::pin(async {})
    }

    fn pull<'a>(&'a self, consumer: &'a str, limit: Duration) -> BoxFuture<'a, Option<Pulled>> {
        Box::pin(async move {
            let until = self.shared.lock().now + SignedDuration::try_from(limit).unwrap();
            loop {
                let now = self.shared.lock().now;
                let delivered = self.shared.lock().memory.pull(consumer, now);
                if let Some(delivered) = delivered {
                    return Some(Pulled {
                        seq: delivered.message.seq,
                        deliveries: delivered.deliveries,
                        payload: delivered.message.payload,
                        message: None,
                        consumer: delivered.consumer,
                    });
                }
                if now >= until {
                    return None;
                }
                self.shared.sleep(SignedDuration::from_millis(50)).await;
            }
        })
    }

    fn reply<'a>(&'a self, pulled: &'a Pulled, kind: AckKind) -> BoxFuture<'a, ()> {
        let mut world = self.shared.lock();
        let now = world.now;
        match kind {
            AckKind::Ack => world.memory.acknowledge(&pulled.consumer, pulled.seq),
            AckKind::Nak(None) => world.memory.hand_back(&pulled.consumer, pulled.seq, now),
            AckKind::Term => world.memory.terminate(&pulled.consumer, pulled.seq, now),
            AckKind::Progress => world.memory.report_progress(&pulled.consumer, pulled.seq, now),
            other => panic!("{other:?} is not used"),
        }
        Box::pin(async {})
    }
}

impl Port for Nats {
    fn log(&self) -> &Log {
        &self.log
    }

    fn limit(&self, max_facts: Option<i64>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let stream = self.context.get_stream("EVENTS").await.unwrap();
            let config = stream.cached_info().config.clone();
            let limited = jetstream::stream::Config { max_messages: max_facts.unwrap_or(-1), ..config };
            self.context.update_stream(limited).await.unwrap();
        })
    }

    fn consume(&self, max_deliver: i64, max_ack_pending: i64) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let last_seq = self.log.position().await.unwrap().last_seq;
            let definition = definition(max_deliver, max_ack_pending);
            self.log.ensure_consumer(&definition, Some(last_seq)).await.unwrap();
        })
    }

    fn pull<'a>(&'a self, consumer: &'a str, limit: Duration) -> BoxFuture<'a, Option<Pulled>> {
        Box::pin(async move {
            let stream = if consumer == RETRIES { "RETRIES" } else { "EVENTS" };
            let stream = self.context.get_stream(stream).await.unwrap();
            let puller: jetstream::consumer::PullConsumer = stream.get_consumer(consumer).await.unwrap();
            let mut answer = puller.batch().max_messages(1).expires(limit).messages().await.unwrap();
            let message = answer.next().await?.unwrap();
            let info = message.info().unwrap();
            let (seq, deliveries) = (info.stream_sequence, u64::try_from(info.delivered).unwrap());
            let (payload, consumer) = (message.payload.clone(), consumer.to_owned());
            Some(Pulled { seq, deliveries, payload, message: Some(message), consumer })
        })
    }

    fn reply<'a>(&'a self, pulled: &'a Pulled, kind: AckKind) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let message = pulled.message.as_ref().unwrap();
            match kind {
                // Of the others the server sends no word.
                AckKind::Ack => message.double_ack().await.unwrap(),
                kind => message.ack_with(kind).await.unwrap(),
            }
        })
    }
}

/// Nothing comes that soon.
const SOON: Duration = Duration::from_millis(200);

async fn pulled(port: &dyn Port) -> Option<(u64, u64)> {
    port.pull(CONSUMER, SOON).await.map(|pulled| (pulled.seq, pulled.deliveries))
}

async fn store(port: &dyn Port, jobs: impl IntoIterator<Item = u128>) {
    for job in jobs {
        port.log().append(&samples::image_stored(job, "a", 0)).await.unwrap();
    }
}

async fn told_once(port: &dyn Port) {
    let fact = samples::image_stored(1, "a", 0);
    assert_eq!(port.log().append(&fact).await.unwrap(), Appended::New { seq: 1 });
    assert_eq!(port.log().append(&fact).await.unwrap(), Appended::AlreadyThere { seq: 1 });
    let mut other = fact.clone();
    other.event_id = samples::image_stored(2, "a", 0).event_id;
    let Err(AppendError::Taken(found)) = port.log().append(&other).await else {
        panic!("the place is taken")
    };
    assert_eq!((found.seq, found.envelope()), (1, Some(&fact)));
    // By its id it is known, whatever the place; that is why ids follow from places.
    other.event_id = fact.event_id;
    other.site = "elsewhere".parse().unwrap();
    assert_eq!(port.log().append(&other).await.unwrap(), Appended::AlreadyThere { seq: 1 });
    assert_eq!(port.log().position().await.unwrap().last_seq, 1);
}

async fn one_claim_wins(port: &dyn Port) {
    let first = samples::inference_requested(1, "a", 0);
    assert_eq!(port.log().append(&first).await.unwrap(), Appended::New { seq: 1 });
    let mut second = samples::inference_requested(2, "a", 0);
    second.site = "elsewhere".parse().unwrap();
    let Event::InferenceRequested(request) = &mut second.event else { panic!("it is that sample") };
    request.priority = Priority::Stat;
    let Err(AppendError::Taken(found)) = port.log().append(&second).await else { panic!("it is claimed") };
    assert_eq!(found.seq, 1);
    let other = samples::inference_requested(2, "b", 0);
    assert_eq!(port.log().append(&other).await.unwrap(), Appended::New { seq: 2 });
}

async fn attempts_follow(port: &dyn Port) {
    let attempt = |number: u128| samples::inference_requested(number, "a", 0);
    port.log().append(&attempt(1)).await.unwrap();
    store(port, [9]).await;
    assert_eq!(port.log().append_after(&attempt(2), 1).await.unwrap(), Appended::New { seq: 3 });
    let Err(AppendError::Taken(found)) = port.log().append_after(&attempt(3), 1).await else {
        panic!("another attempt stands there")
    };
    assert_eq!(found.seq, 3);
    assert_eq!(port.log().append_after(&attempt(2), 1).await.unwrap(), Appended::AlreadyThere { seq: 3 });
    let Event::InferenceRequested(request) = attempt(1).event else { panic!("it is that sample") };
    let newest = port.log().last(&claim_filter(request.reading_id)).await.unwrap().unwrap();
    assert_eq!(newest.seq, 3);
}

async fn newest_is_found(port: &dyn Port) {
    store(port, [1, 2]).await;
    port.log().append(&samples::inference_requested(1, "a", 0)).await.unwrap();
    let seq = |found: Option<Recorded>| found.map(|recorded| recorded.seq);
    let filter = study_images_filter(samples::study_id());
    assert_eq!(seq(port.log().last(&filter).await.unwrap()), Some(2));
    assert_eq!(seq(port.log().last("evt.>").await.unwrap()), Some(3));
    assert_eq!(seq(port.log().last("evt.image-stored.*").await.unwrap()), None);
    assert_eq!(seq(port.log().at(2).await.unwrap()), Some(2));
    assert_eq!(seq(port.log().at(4).await.unwrap()), None);
    let all = port.log().all_under(&["evt.image-stored.>", "evt.report-issued.>"]).await.unwrap();
    assert_eq!(all.iter().map(|recorded| recorded.seq).collect::<Vec<_>>(), [1, 2]);
}

async fn full(port: &dyn Port) {
    store(port, [1, 2]).await;
    port.log().has_room().await.unwrap();
    port.limit(Some(2)).await;
    assert!(port.log().has_room().await.is_err());
    let refused = port.log().append(&samples::image_stored(3, "a", 0)).await;
    assert!(matches!(refused, Err(AppendError::Full(_))), "{refused:?}");
    let fact = samples::image_stored(2, "a", 0);
    assert_eq!(port.log().append(&fact).await.unwrap(), Appended::AlreadyThere { seq: 2 });
    let mut other = fact;
    other.event_id = samples::image_stored(3, "a", 0).event_id;
    let taken = port.log().append(&other).await;
    assert!(matches!(taken, Err(AppendError::Taken(_))), "{taken:?}");
    port.limit(None).await;
    store(port, [3]).await;
    port.log().has_room().await.unwrap();
}

async fn handed_out_once(port: &dyn Port) {
    store(port, [1]).await;
    port.consume(5, 16).await;
    assert_eq!(pulled(port).await, None, "it begins with what comes from now on");
    store(port, [2, 3]).await;
    port.log().append(&samples::inference_requested(1, "a", 0)).await.unwrap();
    let first = port.pull(CONSUMER, LIMIT).await.unwrap();
    let second = port.pull(CONSUMER, LIMIT).await.unwrap();
    assert_eq!((first.seq, first.deliveries, second.seq), (2, 1, 3));
    assert_eq!(pulled(port).await, None);
    port.reply(&second, AckKind::Ack).await;
    port.reply(&first, AckKind::Nak(None)).await;
    let again = port.pull(CONSUMER, LIMIT).await.unwrap();
    assert_eq!((again.seq, again.deliveries), (2, 2));
    port.reply(&again, AckKind::Term).await;
    assert!(port.pull(CONSUMER, Duration::from_millis(1500)).await.is_none(), "both are settled");
}

async fn comes_again(port: &dyn Port) {
    port.consume(5, 16).await;
    store(port, [1, 2]).await;
    let first = port.pull(CONSUMER, LIMIT).await.unwrap();
    let second = port.pull(CONSUMER, LIMIT).await.unwrap();
    port.reply(&second, AckKind::Ack).await;
    let again = port.pull(CONSUMER, LIMIT).await.unwrap();
    assert_eq!((again.seq, again.deliveries), (1, 2));
    // A worker that was thought dead answers: it is settled all the same.
    port.reply(&first, AckKind::Ack).await;
    assert!(port.pull(CONSUMER, Duration::from_millis(1500)).await.is_none());
}

async fn no_more(port: &dyn Port) {
    port.consume(2, 16).await;
    store(port, [1]).await;
    for deliveries in [1, 2] {
        let pulled = port.pull(CONSUMER, LIMIT).await.unwrap();
        assert_eq!((pulled.seq, pulled.deliveries), (1, deliveries));
    }
    assert!(port.pull(CONSUMER, Duration::from_millis(1500)).await.is_none());
    store(port, [2]).await;
    assert_eq!(pulled(port).await, Some((2, 1)));
}

async fn in_hand(port: &dyn Port) {
    port.consume(5, 1).await;
    store(port, [1, 2]).await;
    let first = port.pull(CONSUMER, LIMIT).await.unwrap();
    assert_eq!(pulled(port).await, None);
    port.reply(&first, AckKind::Ack).await;
    assert_eq!(port.pull(CONSUMER, LIMIT).await.unwrap().seq, 2);
}

async fn tickets(port: &dyn Port) {
    port.consume(5, 16).await;
    store(port, [1, 2]).await;
    let log = port.log();
    for seq in [1, 2] {
        assert!(!log.has_retry(CONSUMER, seq).await.unwrap());
        log.hand_out_again(CONSUMER, seq, "a test wants it").await.unwrap();
        log.hand_out_again(CONSUMER, seq, "a test wants it twice").await.unwrap();
        assert!(log.has_retry(CONSUMER, seq).await.unwrap());
    }
    let first = port.pull(RETRIES, LIMIT).await.unwrap();
    log.withdraw_retry(CONSUMER, 2).await.unwrap();
    assert!(port.pull(RETRIES, SOON).await.is_none(), "one of each, and the second is withdrawn");
    port.reply(&first, AckKind::Ack).await;
    assert!(!log.has_retry(CONSUMER, 1).await.unwrap());
    assert!(!log.has_retry(CONSUMER, 2).await.unwrap());
}

struct Failing;

impl Handle for Failing {
    async fn handle(&self, _: &WorkItem) -> Result<(), Failure> {
        Err(Failure::Retry("it fails".into()))
    }
}

fn work_config() -> WorkConfig {
    WorkConfig {
        consumers: Vec::new(),
        concurrency: 1,
        handle_limit: LIMIT,
        max_tries: 2,
        max_unanswered: 3,
        drain_limit: LIMIT,
    }
}

async fn retried(port: &dyn Port) {
    port.consume(5, 16).await;
    store(port, [1]).await;
    let log = port.log();
    let fact = log.at(1).await.unwrap().unwrap();
    let worker = Worker::new(log, &work_config());
    let reply = worker.settle(&Failing, CONSUMER, Handout::Fact(fact), 1).await;
    assert!(matches!(reply, Reply::Acknowledge), "{reply:?}");
    assert!(log.has_retry(CONSUMER, 1).await.unwrap());
    assert!(port.pull(RETRIES, SOON).await.is_none(), "its time has not come");
    let ticket = port.pull(RETRIES, LIMIT).await.unwrap();
    let reply = worker.settle(&Failing, CONSUMER, Handout::Ticket(ticket.payload.clone()), 1).await;
    assert!(matches!(reply, Reply::Terminate), "{reply:?}");
    port.reply(&ticket, AckKind::Ack).await;
    assert!(!log.has_retry(CONSUMER, 1).await.unwrap());
    assert_eq!(log.dead_letter(CONSUMER, 1).await.unwrap().unwrap().tries.len(), 2);
}

async fn given_up(port: &dyn Port) {
    store(port, [1]).await;
    let log = port.log();
    let fact = log.at(1).await.unwrap().unwrap();
    for why in ["first", "second"] {
        let tries = vec![hilum_log::Try::ended(Timestamp::now(), 1, vec![why.to_owned()])];
        log.give_up("dedupe", &fact, tries).await.unwrap();
    }
    let letter = log.dead_letter("dedupe", 1).await.unwrap().unwrap();
    assert_eq!(letter.tries[0].errors, ["first"]);
    let told = log.last(&dead_letter_filter(samples::job_id(1), 1)).await.unwrap().unwrap();
    assert_eq!((told.seq, log.position().await.unwrap().last_seq), (2, 2));
}

async fn followed(port: &dyn Port) {
    store(port, [1]).await;
    port.log().append(&samples::inference_requested(1, "a", 0)).await.unwrap();
    store(port, [2]).await;
    let mut all = port.log().follow(1, &[]);
    assert_eq!((all.next().await.seq, all.next().await.seq), (2, 3));
    let mut images = port.log().follow(0, &["evt.image-stored.>"]);
    assert_eq!((images.next().await.seq, images.next().await.seq), (1, 3));
}
