//! Handing out work: done, parked, stopped, handed back, and what becomes of messages whose workers die.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hilum_events::{Envelope, Event, samples};
use hilum_log::{Failure, Handle, Log, WorkConfig, WorkError, WorkItem, work};
use hilum_servers::wait_until;
use tokio_util::sync::CancellationToken;

use crate::{LIMIT, Scripted, bench, bench_with_ack_wait, settled, work_config, work_until};

#[tokio::test]
async fn a_message_that_cannot_be_handled_is_parked_with_its_story_and_its_job_is_told() {
    let bench = bench().await;
    for number in 1..=3 {
        bench.log.append(&samples::image_stored(number, "a", 0)).await.unwrap();
    }
    let handler = Scripted::new(|job, _| (job == 2).then(|| Failure::Park("this can't be read".into())));
    work_until(&bench.log, handler.clone(), &work_config("dedupe"), async || settled(&bench.log).await).await;
    assert_eq!(handler.calls(), 3);

    let dead = bench.log.last("evt.job-dead-lettered.>").await.unwrap().unwrap();
    let Some(Envelope { event: Event::JobDeadLettered(dead), .. }) = dead.envelope() else { panic!() };
    assert_eq!((dead.job_id, dead.stream_seq), (samples::job_id(2), 2));
    assert_eq!(dead.reason, "this can't be read");
    let letter = bench.log.dead_letter("dedupe", 2).await.unwrap().unwrap();
    assert_eq!(Envelope::decode(&letter.payload).unwrap(), samples::image_stored(2, "a", 0));
    assert_eq!(letter.tries.len(), 1);
    assert_eq!(letter.tries[0].errors, ["this can't be read"]);
    assert!(bench.log.dead_letter("dedupe", 1).await.unwrap().is_none());
}

/// Never answers for job 1, as a worker does that hangs or is killed.
#[derive(Default)]
struct Poisoned {
    in_hand: AtomicU64,
    /// Times that job 1 was taken again and nothing else was in hand.
    alone: AtomicU64,
    handled: AtomicU64,
}

impl Poisoned {
    fn has_begun(&self) -> bool {
        self.in_hand.load(Ordering::SeqCst) > 0
    }

    /// Only job 1 is left, and in hand.
    fn is_stuck(&self) -> bool {
        let seen = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        seen(&self.in_hand) == 1 && (seen(&self.handled) == 5 || seen(&self.alone) == 1)
    }
}

impl Handle for Poisoned {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        let beside = self.in_hand.fetch_add(1, Ordering::SeqCst);
        let Event::ImageStored(stored) = &item.envelope.event else { panic!("filtered") };
        if stored.job_id == samples::job_id(1) {
            self.alone.fetch_add(u64::from(item.deliveries > 1 && beside == 0), Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        self.handled.fetch_add(1, Ordering::SeqCst);
        self.in_hand.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

/// A worker that dies as soon as `is_stuck`: what it has in hand ends with its runtime, unanswered.
fn live_and_die<H: Handle>(url: &str, concurrency: usize, handler: Arc<H>, is_stuck: impl Fn(&H) -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let log = Log::connect(url, "mortal").await.unwrap();
        let (config, shutdown) =
            (WorkConfig { concurrency, ..work_config("dedupe") }, CancellationToken::new());
        assert!(log.wait_until_usable(&shutdown).await);
        tokio::select! {
            ended = work(&log, handler.clone(), &config, &shutdown) => panic!("{ended:?}"),
            stuck = wait_until(LIMIT, async || is_stuck(&handler)) => assert!(stuck),
        }
    });
}

#[tokio::test]
async fn a_message_that_ends_its_workers_is_handled_alone_and_parked_after_three() {
    let bench = bench_with_ack_wait(1).await;
    for number in 1..=6 {
        bench.log.append(&samples::image_stored(number, "a", 0)).await.unwrap();
    }
    let (mut alone, mut handled) = (0, 0);
    for _ in 0..3 {
        let handler = Arc::new(Poisoned::default());
        let (url, worker) = (bench.server.url(), handler.clone());
        tokio::task::spawn_blocking(move || live_and_die(&url, 4, worker, Poisoned::is_stuck)).await.unwrap();
        alone += handler.alone.load(Ordering::SeqCst);
        handled += handler.handled.load(Ordering::SeqCst);
    }
    assert_eq!((alone, handled), (2, 5), "the good ones were handled once, the suspect alone");

    let handler = Scripted::new(|_, _| None);
    work_until(&bench.log, handler.clone(), &work_config("dedupe"), async || settled(&bench.log).await).await;
    assert_eq!(handler.calls(), 0);
    let letter = bench.log.dead_letter("dedupe", 1).await.unwrap().unwrap();
    assert_eq!(letter.tries[0].errors, ["3 workers took this and ended or hung before they answered"]);
}

/// Ends with all that it has in hand; later ones only with job 1.
struct Deadly {
    is_first: bool,
    in_hand: AtomicU64,
}

impl Handle for Deadly {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        let Event::ImageStored(stored) = &item.envelope.event else { panic!("filtered") };
        if self.is_first || stored.job_id == samples::job_id(1) {
            self.in_hand.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

#[tokio::test]
async fn messages_that_were_in_hand_beside_a_poisoned_one_are_not_parked_with_it() {
    die_of_the_first_of_four(4).await;
}

#[tokio::test]
async fn messages_that_waited_behind_a_poisoned_one_are_not_parked_with_it() {
    die_of_the_first_of_four(1).await;
}

/// Counts the requests that the server could answer with another message while one is risked again.
struct Risky {
    jetstream: async_nats::jetstream::Context,
    beside: Mutex<Option<usize>>,
}

impl Handle for Risky {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        assert_eq!(item.deliveries, 2);
        let mut beside = 0;
        for (stream, consumer) in [("EVENTS", "dedupe"), ("RETRIES", "dedupe-retry")] {
            let stream = self.jetstream.get_stream_no_info(stream).await.unwrap();
            beside += stream.consumer_info(consumer).await.unwrap().num_waiting;
        }
        *self.beside.lock().unwrap() = Some(beside);
        Ok(())
    }
}

#[tokio::test]
async fn while_a_suspect_is_risked_the_server_has_no_request_that_it_could_answer() {
    let bench = bench_with_ack_wait(1).await;
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let url = bench.server.url();
    let die = move || live_and_die(&url, 4, Arc::new(Poisoned::default()), Poisoned::has_begun);
    tokio::task::spawn_blocking(die).await.unwrap();
    let handler = Arc::new(Risky { jetstream: bench.jetstream().await, beside: Mutex::default() });
    work_until(&bench.log, handler.clone(), &work_config("dedupe"), async || settled(&bench.log).await).await;
    assert_eq!(*handler.beside.lock().unwrap(), Some(0));
}

async fn die_of_the_first_of_four(concurrency: usize) {
    let bench = bench_with_ack_wait(1).await;
    for number in 1..=4 {
        bench.log.append(&samples::image_stored(number, "a", 0)).await.unwrap();
    }
    for is_first in [true, false, false] {
        let handler = Arc::new(Deadly { is_first, in_hand: AtomicU64::new(0) });
        let (url, in_hand) = (bench.server.url(), if is_first { concurrency as u64 } else { 1 });
        let is_stuck = move |handler: &Deadly| handler.in_hand.load(Ordering::SeqCst) == in_hand;
        tokio::task::spawn_blocking(move || live_and_die(&url, concurrency, handler, is_stuck))
            .await
            .unwrap();
    }
    let last = Arc::new(Deadly { is_first: false, in_hand: AtomicU64::new(0) });
    let all_ended = async || {
        let mut retries = false;
        for seq in 1..=4 {
            retries |= bench.log.has_retry("dedupe", seq).await.unwrap();
        }
        !retries && settled(&bench.log).await
    };
    work_until(&bench.log, last.clone(), &work_config("dedupe"), all_ended).await;
    assert_eq!(last.in_hand.load(Ordering::SeqCst), 0, "after three workers it is not risked again");
    assert!(bench.log.dead_letter("dedupe", 1).await.unwrap().is_some());
    for seq in 2..=4 {
        assert!(bench.log.dead_letter("dedupe", seq).await.unwrap().is_none(), "position {seq}");
    }
}

#[tokio::test]
async fn work_ends_when_going_on_would_do_harm() {
    let bench = bench().await;
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let handler = Scripted::new(|_, _| Some(Failure::Stop("two facts in one place".into())));
    let config = work_config("dedupe");
    let ended =
        tokio::time::timeout(LIMIT, work(&bench.log, handler, &config, &CancellationToken::new())).await;
    assert!(matches!(ended.unwrap(), Err(WorkError::Stopped { seq: 1, .. })));
}

#[tokio::test]
async fn what_is_not_done_when_draining_ends_goes_to_another_worker_at_once() {
    struct Stuck;
    impl Handle for Stuck {
        async fn handle(&self, _: &WorkItem) -> Result<(), Failure> {
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

    let handler = Scripted::new(|_, _| None);
    let begun = std::time::Instant::now();
    work_until(&bench.log, handler.clone(), &config, async || settled(&bench.log).await).await;
    assert_eq!(handler.calls(), 1);
    assert!(begun.elapsed() < Duration::from_secs(10), "the ack wait of 30 s was not waited for");
}

#[tokio::test]
async fn retries_that_are_due_follow_one_another_though_nothing_fresh_comes() {
    const FAIL_ONCE: u128 = 100;
    let bench = bench().await;
    for number in 1..=FAIL_ONCE {
        bench.log.append(&samples::image_stored(number, "a", 0)).await.unwrap();
    }
    // One retry in hand at a time: at the pace of a timer the limit would not do.
    let config = WorkConfig { max_tries: 100, ..work_config("dedupe") };
    let handler =
        Scripted::new(|_, before| (before < FAIL_ONCE as u64).then(|| Failure::Retry("no luck".into())));
    let all_done = async || handler.calls() == 2 * FAIL_ONCE as u64 && settled(&bench.log).await;
    work_until(&bench.log, handler.clone(), &config, all_done).await;
}

/// The server sends a message to whoever asked for one, also in the moment in which that worker is stopped. It is given back then:
/// nobody waits until the server takes the worker for dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_on_its_way_to_a_worker_that_stops_is_given_back() {
    // Much less than the 30 s of the ack wait.
    const SOON: Duration = Duration::from_secs(10);
    let bench = bench().await;
    let handler = Scripted::new(|_, _| None);
    let config = work_config("dedupe");
    for round in 0..30 {
        let shutdown = CancellationToken::new();
        let appending = async {
            for number in round * 12..round * 12 + 12 {
                if number % 12 == 6 {
                    shutdown.cancel();
                }
                bench.log.append(&samples::image_stored(number + 1, "a", 0)).await.unwrap();
            }
        };
        let (worked, ()) = tokio::join!(work(&bench.log, handler.clone(), &config, &shutdown), appending);
        worked.unwrap();
        let shutdown = CancellationToken::new();
        let done = async {
            let is_done = wait_until(SOON, async || settled(&bench.log).await).await;
            shutdown.cancel();
            assert!(is_done, "round {round}: {:?}", bench.log.queue_depths().await);
        };
        tokio::join!(work(&bench.log, handler.clone(), &config, &shutdown), done).0.unwrap();
    }
}
