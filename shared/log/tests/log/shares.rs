//! A log of an earlier release: what waits there is handed out, what was settled is not lost or left, and the consumers of
//! single sites are removed.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use futures::StreamExt as _;
use hilum_events::{Site, samples};
use hilum_log::{StreamDefinition, apply, apply_definitions, definitions, drift};
use hilum_servers::wait_until;

use crate::lanes::{CONSUMERS, Reader, config, request};
use crate::{Bench, LIMIT, bare_bench, bench, work_until};

const ROUTINE: &str = "infer-routine";

fn pull_config(name: &str, filter: &str) -> pull::Config {
    pull::Config {
        durable_name: Some(name.to_owned()),
        ack_policy: AckPolicy::Explicit,
        filter_subjects: vec![filter.to_owned()],
        max_ack_pending: 512,
        max_deliver: 10,
        ..pull::Config::default()
    }
}

/// The definitions without the consumers that have lanes now.
fn without_laned() -> Vec<StreamDefinition> {
    let mut definitions = definitions();
    for definition in &mut definitions {
        definition.consumers.retain(|consumer| consumer.lanes.is_none());
    }
    definitions
}

/// As an earlier release wrote it: in no lane.
async fn without_lane(bench: &Bench, site: &str, number: u128) -> u64 {
    let mut envelope = samples::inference_requested(number, &format!("content {number}"), 0);
    envelope.site = site.parse::<Site>().unwrap();
    let jetstream = bench.jetstream().await;
    let written = jetstream.publish(envelope.subject(), envelope.encode().into()).await.unwrap();
    written.await.unwrap().sequence
}

/// As a worker of an earlier release read them.
async fn settle_the_first(bench: &Bench, consumer: &str, count: usize) {
    let stream = bench.jetstream().await.get_stream("EVENTS").await.unwrap();
    let consumer: PullConsumer = stream.get_consumer(consumer).await.unwrap();
    let mut messages = consumer.fetch().max_messages(count).messages().await.unwrap();
    while let Some(message) = messages.next().await {
        message.unwrap().double_ack().await.unwrap();
    }
}

async fn names(bench: &Bench) -> Vec<String> {
    let stream = bench.jetstream().await.get_stream("EVENTS").await.unwrap();
    stream.consumer_names().map(Result::unwrap).collect().await
}

#[tokio::test]
async fn an_installation_with_a_consumer_for_each_site_is_taken_over_within_the_consumers_that_the_server_allows()
 {
    const SITES: usize = 40;
    // Room for what it has, and for no lane beside that.
    let bench = bare_bench(Some(2 * SITES as u32 + 3)).await;
    apply(&bench.log, &without_laned(), 1).await.unwrap();
    let stream = bench.jetstream().await.get_stream("EVENTS").await.unwrap();
    for consumer in CONSUMERS {
        let priority = consumer.trim_start_matches("infer-");
        let make = async |name: &str, site: &str| {
            let filter = format!("evt.inference-requested.{site}.*.{priority}");
            stream.create_consumer_strict(pull_config(name, &filter)).await.unwrap();
        };
        make(consumer, "@").await;
        for number in 0..SITES {
            make(&format!("{consumer}@site-{number}"), &format!("site-{number}")).await;
        }
    }
    let refused = stream.create_consumer_strict(pull_config("one-more", "evt.image-stored.>")).await;
    assert!(refused.is_err(), "the server is at its limit");
    // Two of each of some sites, of which the first is settled, and a site that settled all it had.
    let mut open = BTreeMap::new();
    for number in 0..6 {
        let site = format!("site-{number}");
        without_lane(&bench, &site, 2 * number).await;
        settle_the_first(&bench, &format!("{ROUTINE}@{site}"), 1).await;
        let second = without_lane(&bench, &site, 2 * number + 1).await;
        match number {
            5 => settle_the_first(&bench, &format!("{ROUTINE}@{site}"), 1).await,
            _ => drop(open.insert(second, site)),
        }
    }
    assert!(drift(&bench.log, 1).await.unwrap().iter().any(|it| it.difference.contains("40 consumers")));

    apply_definitions(&bench.log, 1).await.unwrap();
    assert_eq!(drift(&bench.log, 1).await.unwrap(), []);
    assert!(!names(&bench).await.iter().any(|name| name.contains('@')), "{:?}", names(&bench).await);
    let new = request(&bench.log, "new", 100).await;
    let reader = Arc::new(Reader::default());
    let seen = |seq: &u64| reader.times().contains_key(seq);
    work_until(&bench.log, reader.clone(), &config(4), async || open.keys().chain([&new]).all(seen)).await;
    assert!(reader.times().values().all(|times| *times == 1), "{:?}", reader.times());
    // Behind the first that was open some come again that were settled; none before it does.
    assert!(reader.times().keys().all(|seq| seq >= open.keys().next().unwrap()), "{:?}", reader.times());
    let before = names(&bench).await;
    apply_definitions(&bench.log, 1).await.unwrap();
    assert_eq!(names(&bench).await, before);
    // The server takes the last answers in a while later.
    let is_empty = async || {
        let depths = bench.log.queue_depths().await.unwrap();
        depths.iter().all(|depth| depth.waiting + depth.in_hand == 0)
    };
    assert!(wait_until(LIMIT, is_empty).await, "{:?}", bench.log.queue_depths().await);
}

#[tokio::test]
async fn a_log_from_before_shares_goes_on_where_it_was_and_repeats_nothing_that_was_settled() {
    let (bench, reader) = (bare_bench(None).await, Arc::new(Reader::default()));
    let mut before = definitions();
    before
        .iter_mut()
        .flat_map(|definition| &mut definition.consumers)
        .for_each(|consumer| consumer.lanes = None);
    apply(&bench.log, &before, 1).await.unwrap();
    let mut seqs = Vec::new();
    for (number, site) in (0..).zip(["north", "south", "north", "south", "north"]) {
        seqs.push(without_lane(&bench, site, number).await);
    }
    settle_the_first(&bench, ROUTINE, 2).await;
    apply_definitions(&bench.log, 1).await.unwrap();
    assert_eq!(drift(&bench.log, 1).await.unwrap(), []);

    seqs.push(request(&bench.log, "west", 50).await);
    work_until(&bench.log, reader.clone(), &config(4), async || reader.count() >= 4).await;
    let expected: BTreeMap<u64, usize> = seqs[2..].iter().map(|seq| (*seq, 1)).collect();
    assert_eq!(reader.times(), expected);
}

#[tokio::test]
async fn a_takeover_that_was_cut_off_is_done_again() {
    let bench = bench().await;
    let stream = bench.jetstream().await.get_stream("EVENTS").await.unwrap();
    // The declared consumer was removed to be made anew; the shares are still there.
    stream.delete_consumer(ROUTINE).await.unwrap();
    for site in ["north", "south"] {
        let filter = format!("evt.inference-requested.{site}.*.routine");
        stream.create_consumer_strict(pull_config(&format!("{ROUTINE}@{site}"), &filter)).await.unwrap();
    }
    for number in 0..3 {
        without_lane(&bench, "north", number).await;
    }
    settle_the_first(&bench, &format!("{ROUTINE}@north"), 2).await;
    let open = without_lane(&bench, "south", 7).await;

    apply_definitions(&bench.log, 1).await.unwrap();
    let reader = Arc::new(Reader::default());
    work_until(&bench.log, reader.clone(), &config(4), async || reader.count() == 2).await;
    assert_eq!(reader.times(), BTreeMap::from([(open - 1, 1), (open, 1)]));
    assert!(!names(&bench).await.iter().any(|name| name.contains('@')));
}
