//! Sites are served in turn, whatever their number, with a number of consumers that does not depend on it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures::{FutureExt as _, StreamExt as _, stream};
use hilum_events::{Event, Site, lane_of, samples};
use hilum_log::{Failure, Handle, Log, WorkConfig, WorkItem, drift, work};
use hilum_servers::wait_until;
use tokio_util::sync::CancellationToken;

use crate::{LIMIT, bench, work_config, work_until};

pub(crate) const CONSUMERS: [&str; 2] = ["infer-stat", "infer-routine"];

/// Notes what comes, by site and position; holds what comes of the site `held` until the gate is open.
#[derive(Default)]
pub(crate) struct Reader {
    seen: Mutex<Vec<(String, u64)>>,
    begun: AtomicU64,
    held: Option<&'static str>,
    /// Holds all of them, whosever they are.
    holds_all: bool,
    gate: CancellationToken,
}

impl Reader {
    /// The sites in the order in which they were served.
    fn order(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(site, _)| site.clone()).collect()
    }

    /// How often each position came.
    pub(crate) fn times(&self) -> BTreeMap<u64, usize> {
        let mut times = BTreeMap::new();
        for (_, seq) in &*self.seen.lock().unwrap() {
            *times.entry(*seq).or_default() += 1;
        }
        times
    }

    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

impl Handle for Reader {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        let site = item.envelope.site.to_string();
        self.begun.fetch_add(1, Ordering::SeqCst);
        if self.holds_all || self.held == Some(site.as_str()) {
            self.gate.cancelled().await;
        }
        self.seen.lock().unwrap().push((site, item.recorded.seq));
        Ok(())
    }
}

/// A routine request of a site; gives its position.
pub(crate) async fn request(log: &Log, site: &str, number: u128) -> u64 {
    let mut envelope = samples::inference_requested(number, &format!("content {number}"), 0);
    envelope.site = site.parse::<Site>().unwrap();
    assert!(matches!(envelope.event, Event::InferenceRequested(_)));
    log.append(&envelope).await.unwrap().seq()
}

pub(crate) fn config(concurrency: usize) -> WorkConfig {
    let consumers = CONSUMERS.map(str::to_owned).to_vec();
    WorkConfig { consumers, concurrency, handle_limit: 2 * LIMIT, ..work_config("") }
}

/// Does `then` while it is kept count of who waits; the first request of the site `flood` is there by then.
async fn while_watched<T>(log: &Log, then: impl AsyncFnOnce() -> T) -> T {
    request(log, "flood", 0).await;
    let shutdown = CancellationToken::new();
    let (done, ()) = tokio::join!(
        async {
            assert!(wait_until(LIMIT, async || waiting(log, "flood") > 0).await);
            let done = then().await;
            shutdown.cancel();
            done
        },
        log.watch_waiting(&shutdown)
    );
    done
}

fn waiting(log: &Log, site: &str) -> u64 {
    let queues = log.waiting_by_site();
    queues.iter().filter(|queue| queue.site.to_string() == site).map(|queue| queue.messages).sum()
}

#[tokio::test]
async fn images_of_other_sites_are_served_before_most_of_the_flood_of_one_that_came_first() {
    let (bench, reader) = (bench().await, Arc::new(Reader::default()));
    let log = &bench.log;
    while_watched(log, async || {
        for number in 1..30 {
            request(log, "flood", number).await;
        }
        // One whose name comes before that of the flood, and one whose name comes after it.
        for number in 30..36 {
            request(log, if number < 33 { "a-calm" } else { "z-calm" }, number).await;
        }
        work_until(log, reader.clone(), &config(1), async || reader.count() == 36).await;
    })
    .await;
    let order = reader.order();
    let calm: Vec<usize> = (0..36).filter(|place| order[*place] != "flood").collect();
    // One of the flood in each of three rounds, and what was in hand before the others' messages had come.
    assert!(calm[5] <= 12, "served at {calm:?}");
}

#[tokio::test]
async fn a_site_that_has_none_in_hand_waits_for_no_hand_that_another_holds() {
    let bench = bench().await;
    let log = &bench.log;
    let reader = Arc::new(Reader { held: Some("flood"), ..Reader::default() });
    while_watched(log, async || {
        for number in 1..20 {
            request(log, "flood", number).await;
        }
        let (config, shutdown) = (config(4), CancellationToken::new());
        let (worked, ()) = tokio::join!(work(log, reader.clone(), &config, &shutdown), async {
            let hands_are_full = async || reader.begun.load(Ordering::SeqCst) == 4;
            assert!(wait_until(LIMIT, hands_are_full).await);
            // A site that was never heard of before.
            request(log, "calm", 100).await;
            assert!(wait_until(LIMIT, async || reader.order() == ["calm"]).await, "it waits for the flood");
            assert_eq!(reader.begun.load(Ordering::SeqCst), 5, "the reserve is for others than the flood");
            reader.gate.cancel();
            assert!(wait_until(LIMIT, async || reader.count() == 21).await);
            shutdown.cancel();
        });
        worked.unwrap();
    })
    .await;
}

#[tokio::test]
async fn when_a_hand_is_free_it_is_the_turn_of_the_site_and_not_of_what_came_first() {
    let bench = bench().await;
    let log = &bench.log;
    let reader = Arc::new(Reader { holds_all: true, ..Reader::default() });
    let shutdown = CancellationToken::new();
    let (config, in_hand) = (config(2), async || {
        let depths = log.queue_depths().await.unwrap();
        depths.iter().map(|depth| depth.in_hand).sum::<u64>()
    });
    let (worked, (), ()) =
        tokio::join!(work(log, reader.clone(), &config, &shutdown), log.watch_waiting(&shutdown), async {
            request(log, "calm", 0).await;
            assert!(wait_until(LIMIT, async || reader.begun.load(Ordering::SeqCst) == 1).await);
            assert!(wait_until(LIMIT, async || waiting(log, "calm") == 1).await);
            for number in 1..=10 {
                request(log, "flood", number).await;
            }
            assert!(wait_until(LIMIT, async || reader.begun.load(Ordering::SeqCst) == 2).await);
            request(log, "calm", 11).await;
            // Both hands are full, and before the worker stand one of each lane: four of the flood and the second of calm.
            assert!(wait_until(LIMIT, async || in_hand().await >= 7).await, "{}", in_hand().await);
            reader.gate.cancel();
            assert!(wait_until(LIMIT, async || reader.count() == 12).await);
            shutdown.cancel();
        });
    worked.unwrap();
    let order = reader.order();
    let second = (0..12).filter(|place| order[*place] == "calm").nth(1).unwrap();
    assert!(second <= 3, "what came before it went first: {order:?}");
}

#[tokio::test]
async fn what_waits_is_told_by_site_also_to_who_begins_to_look_later_until_it_is_settled() {
    let (bench, reader) = (bench().await, Arc::new(Reader::default()));
    let log = &bench.log;
    for number in 1..=30 {
        request(log, "flood", number).await;
    }
    while_watched(&bench.log, async || ()).await;
    assert_eq!(log.waiting_by_site(), [], "nobody looks any more");
    let shutdown = CancellationToken::new();
    let (worked, (), ()) = tokio::join!(
        async {
            let sums = async || (waiting(log, "flood"), waiting(log, "north"));
            assert!(wait_until(LIMIT, async || sums().await == (31, 0)).await, "{:?}", log.waiting_by_site());
            request(log, "north", 40).await;
            assert_eq!(sums().await, (31, 1));
            work(log, reader.clone(), &config(4), &shutdown).await
        },
        log.watch_waiting(&shutdown),
        async {
            assert!(wait_until(LIMIT, async || reader.count() == 32).await);
            assert!(wait_until(LIMIT, async || log.waiting_by_site().is_empty()).await);
            shutdown.cancel();
        }
    );
    worked.unwrap();
    assert_eq!(drift(log, 1).await.unwrap(), []);
}

#[tokio::test]
async fn ten_thousand_sites_take_no_consumer_more_than_one_and_a_small_one_is_served_beside_a_flood() {
    const SITES: u128 = 10_000;
    const FLOOD: u128 = 1_000;
    let bench = bench().await;
    let log = &bench.log;
    let before = log.consumer_count().await.unwrap();
    while_watched(log, async || {
        let of_site =
            |number: u128| async move { request(log, &format!("site-{number}"), FLOOD + number).await };
        stream::iter(0..SITES).for_each_concurrent(64, |number| of_site(number).map(drop)).await;
        assert_eq!(log.waiting_by_site().len() as u128, SITES + 1);
        // The follower of who waits.
        assert!(log.consumer_count().await.unwrap() <= before + 1);
        let reader = Arc::new(Reader::default());
        let all = async || reader.count() as u128 == SITES + 1;
        work_until(log, reader.clone(), &config(16), all).await;
        assert!(reader.times().values().all(|times| *times == 1));

        stream::iter(1..FLOOD)
            .for_each_concurrent(64, |number| request(log, "flood", number).map(drop))
            .await;
        let reader = Arc::new(Reader::default());
        let (config, shutdown) = (config(1), CancellationToken::new());
        let (worked, ()) = tokio::join!(work(log, reader.clone(), &config, &shutdown), async {
            assert!(wait_until(LIMIT, async || reader.count() > 10).await);
            request(log, "small", FLOOD + SITES).await;
            let asked_at = reader.count();
            assert!(wait_until(LIMIT, async || reader.order().contains(&"small".to_owned())).await);
            let served_at = reader.order().iter().position(|site| site == "small").unwrap();
            // What was read while it came to the worker, far from all that waits.
            assert!(served_at < asked_at + 50, "asked for after {asked_at}, served after {served_at}");
            assert!(reader.count() < FLOOD as usize - 100, "the flood was over");
            shutdown.cancel();
        });
        worked.unwrap();
    })
    .await;
}

#[tokio::test]
async fn without_anybody_who_keeps_count_requests_stand_in_the_common_lanes() {
    let bench = bench().await;
    for number in 0..20 {
        let seq = request(&bench.log, "flood", number).await;
        let recorded = bench.log.at(seq).await.unwrap().unwrap();
        assert!(recorded.envelope().is_some(), "{recorded:?}");
        let (_, lane) = lane_of(&recorded.subject);
        assert!(lane.is_some_and(|lane| lane < 8), "{}", recorded.subject);
    }
    assert_eq!(bench.log.waiting_by_site(), []);
}
