//! Sites are served in turn, and a log that is older than their shares loses and repeats nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use hilum_events::{Event, Site, samples};
use hilum_log::{Delivery, Failure, Handle, Log, WorkConfig, apply, definitions, drift, work};
use hilum_servers::wait_until;
use tokio_util::sync::CancellationToken;

use crate::{LIMIT, bench, work_config, work_until};

const CONSUMERS: [&str; 2] = ["infer-stat", "infer-routine"];

/// Notes what comes, by site and position; holds what comes of the site `held` until the gate is open.
#[derive(Default)]
struct Reader {
    seen: Mutex<Vec<(String, u64)>>,
    begun: AtomicU64,
    held: Option<&'static str>,
    gate: CancellationToken,
}

impl Reader {
    /// The sites in the order in which they were served.
    fn order(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(site, _)| site.clone()).collect()
    }

    /// How often each position came.
    fn times(&self) -> BTreeMap<u64, usize> {
        let mut times = BTreeMap::new();
        for (_, seq) in &*self.seen.lock().unwrap() {
            *times.entry(*seq).or_default() += 1;
        }
        times
    }

    fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

impl Handle for Reader {
    async fn handle(&self, delivery: &Delivery) -> Result<(), Failure> {
        let site = delivery.envelope.site.to_string();
        self.begun.fetch_add(1, Ordering::SeqCst);
        if self.held == Some(site.as_str()) {
            self.gate.cancelled().await;
        }
        self.seen.lock().unwrap().push((site, delivery.recorded.seq));
        Ok(())
    }
}

/// A routine request of a site; gives its position.
async fn request(log: &Log, site: &str, number: u128) -> u64 {
    let mut envelope = samples::inference_requested(number, &format!("content {number}"), 0);
    envelope.site = site.parse::<Site>().unwrap();
    assert!(matches!(envelope.event, Event::InferenceRequested(_)));
    log.append(&envelope).await.unwrap().seq()
}

fn config(concurrency: usize) -> WorkConfig {
    let consumers = CONSUMERS.map(str::to_owned).to_vec();
    WorkConfig { consumers, concurrency, handle_limit: 2 * LIMIT, ..work_config("") }
}

#[tokio::test]
async fn images_of_other_sites_are_served_before_most_of_the_flood_of_one_that_came_first() {
    let (bench, reader) = (bench().await, Arc::new(Reader::default()));
    for number in 0..30 {
        request(&bench.log, "flood", number).await;
    }
    // One whose name comes before that of the flood, and one whose name comes after it.
    for number in 30..36 {
        request(&bench.log, if number < 33 { "a-calm" } else { "z-calm" }, number).await;
    }
    work_until(&bench.log, reader.clone(), &config(1), async || reader.count() == 36).await;
    let order = reader.order();
    let calm: Vec<usize> = (0..36).filter(|place| order[*place] != "flood").collect();
    // One of the flood in each of three rounds, and what was in hand before the others' messages had come.
    assert!(calm[5] <= 12, "served at {calm:?}");
}

#[tokio::test]
async fn a_site_that_has_none_in_hand_waits_for_no_hand_that_another_holds() {
    let bench = bench().await;
    let reader = Arc::new(Reader { held: Some("flood"), ..Reader::default() });
    for number in 0..20 {
        request(&bench.log, "flood", number).await;
    }
    let (config, shutdown) = (config(4), CancellationToken::new());
    let (worked, ()) = tokio::join!(work(&bench.log, reader.clone(), &config, &shutdown), async {
        let hands_are_full = async || reader.begun.load(Ordering::SeqCst) == 4;
        assert!(wait_until(LIMIT, hands_are_full).await);
        // A site that was never heard of before: its share is made now, and the worker learns of it.
        request(&bench.log, "calm", 100).await;
        assert!(wait_until(LIMIT, async || reader.order() == ["calm"]).await, "it waits for the flood");
        assert_eq!(reader.begun.load(Ordering::SeqCst), 5, "the reserve is for others than the flood");
        reader.gate.cancel();
        assert!(wait_until(LIMIT, async || reader.count() == 21).await);
        shutdown.cancel();
    });
    worked.unwrap();
}

#[tokio::test]
async fn queues_are_told_by_site() {
    let bench = bench().await;
    for (number, site) in (0..).zip(["north", "north", "south"]) {
        request(&bench.log, site, number).await;
    }
    let depths = bench.log.queue_depths().await.unwrap();
    let waiting: Vec<_> = depths
        .iter()
        .filter(|depth| depth.waiting > 0)
        .map(|depth| (depth.consumer.as_str(), depth.site.as_ref().map(Site::to_string), depth.waiting))
        .collect();
    let expected = |site: &str, waiting| ("infer-routine", Some(site.to_owned()), waiting);
    assert_eq!(waiting, [expected("north", 2), expected("south", 1)]);
    let positions = bench.log.consumer_positions().await.unwrap();
    let shares: Vec<_> = positions.iter().filter_map(|it| it.site.as_ref()).map(Site::to_string).collect();
    assert_eq!(shares, ["north", "south"]);
    assert_eq!(drift(&bench.log, 1).await.unwrap(), []);
}

/// The definitions of releases before shares.
async fn apply_those_before_shares(log: &Log) {
    let mut definitions = definitions();
    for consumer in definitions.iter_mut().flat_map(|definition| &mut definition.consumers) {
        consumer.share_per_site = false;
    }
    apply(log, &definitions, 1).await.unwrap();
}

#[tokio::test]
async fn a_log_from_before_shares_goes_on_where_it_was_and_repeats_nothing_that_was_settled() {
    let (bench, reader) = (bench().await, Arc::new(Reader::default()));
    apply_those_before_shares(&bench.log).await;
    // What the old release wrote and read: these requests have no shares.
    let mut seqs = Vec::new();
    for (number, site) in (0..).zip(["north", "south", "north", "south", "north"]) {
        seqs.push(without_share(&bench, site, number).await);
    }
    settle_the_first(&bench, 2).await;

    assert!(!drift(&bench.log, 1).await.unwrap().is_empty(), "the old consumers are seen");
    let settled = bench.log.consumer_positions().await.unwrap();
    let settled = settled.iter().find(|it| it.consumer == "infer-routine").unwrap();
    assert_eq!(settled.ack_floor_seq, seqs[1]);
    hilum_log::apply_definitions(&bench.log, 1).await.unwrap();
    assert_eq!(drift(&bench.log, 1).await.unwrap(), []);

    seqs.push(request(&bench.log, "west", 50).await);
    work_until(&bench.log, reader.clone(), &config(4), async || reader.count() >= 4).await;
    let expected: BTreeMap<u64, usize> = seqs[2..].iter().map(|seq| (*seq, 1)).collect();
    assert_eq!(reader.times(), expected);
    hilum_log::apply_definitions(&bench.log, 1).await.unwrap();
    let depths = bench.log.queue_depths().await.unwrap();
    assert!(depths.iter().all(|depth| depth.waiting + depth.in_hand == 0), "{depths:?}");
}

/// As a release before shares wrote it.
async fn without_share(bench: &crate::Bench, site: &str, number: u128) -> u64 {
    let mut envelope = samples::inference_requested(number, &format!("content {number}"), 0);
    envelope.site = site.parse::<Site>().unwrap();
    let client = async_nats::connect(bench.server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let written = context.publish(envelope.subject(), envelope.encode().into()).await.unwrap();
    written.await.unwrap().sequence
}

/// As a worker of a release before shares read them.
async fn settle_the_first(bench: &crate::Bench, count: usize) {
    use futures::StreamExt as _;
    let client = async_nats::connect(bench.server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let stream = context.get_stream("EVENTS").await.unwrap();
    let consumer: async_nats::jetstream::consumer::PullConsumer =
        stream.get_consumer("infer-routine").await.unwrap();
    let mut messages = consumer.fetch().max_messages(count).messages().await.unwrap();
    while let Some(message) = messages.next().await {
        message.unwrap().double_ack().await.unwrap();
    }
}
