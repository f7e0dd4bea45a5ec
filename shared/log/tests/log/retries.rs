//! What failed is tried again later, holds no place meanwhile, and is parked in the end; what waits for something
//! that is away is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hilum_events::{Event, samples};
use hilum_log::{AdvisoryKind, Failure, Handle, Log, WorkConfig, WorkItem, apply_definitions, work};
use hilum_servers::wait_until;
use tokio_util::sync::CancellationToken;

use crate::{LIMIT, Scripted, bench, bench_with_ack_wait, settled, work_config, work_until};

#[tokio::test]
async fn a_message_that_failed_is_tried_again_and_done() {
    let bench = bench().await;
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let handler = Scripted::new(|_, before| (before == 0).then(|| Failure::Retry("no luck".into())));
    let tried_again = async || handler.calls() == 2 && settled(&bench.log).await;
    work_until(&bench.log, handler.clone(), &work_config("dedupe"), tried_again).await;
    assert!(!bench.log.has_retry("dedupe", 1).await.unwrap());
    assert!(bench.log.last("evt.job-dead-lettered.>").await.unwrap().is_none());
}

#[tokio::test]
async fn a_message_that_keeps_failing_is_parked_with_all_its_tries() {
    let bench = bench().await;
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let handler = Scripted::new(|_, before| Some(Failure::Retry(format!("no luck, {before}").into())));
    let parked = async || bench.log.last("evt.job-dead-lettered.>").await.unwrap().is_some();
    let config = WorkConfig { max_tries: 2, ..work_config("dedupe") };
    work_until(&bench.log, handler.clone(), &config, async || parked().await && settled(&bench.log).await)
        .await;
    assert_eq!(handler.calls(), 2);
    let letter = bench.log.dead_letter("dedupe", 1).await.unwrap().unwrap();
    let errors: Vec<_> = letter.tries.iter().map(|tried| tried.errors.join(", ")).collect();
    assert_eq!(errors, ["no luck, 0", "no luck, 1"]);
}

#[tokio::test]
async fn many_that_wait_to_be_tried_again_hold_up_none_behind_them() {
    // More than a consumer may have in hand.
    const POISONED: u128 = 600;
    let bench = bench().await;
    for number in 1..=POISONED {
        bench.log.append(&samples::image_stored(number, "a", 0)).await.unwrap();
    }
    let handler = Scripted::new(|job, _| (job <= POISONED).then(|| Failure::Retry("poisoned".into())));
    let shutdown = CancellationToken::new();
    let config = WorkConfig { max_tries: 100, concurrency: 16, ..work_config("dedupe") };
    let (worked, ()) = tokio::join!(work(&bench.log, handler.clone(), &config, &shutdown), async {
        let all_failed = async || handler.calls() >= POISONED as u64;
        assert!(wait_until(LIMIT, all_failed).await);
        bench.log.append(&samples::image_stored(POISONED + 1, "good", 0)).await.unwrap();
        let handed_out = async || {
            let positions = bench.log.consumer_positions().await.unwrap();
            let dedupe = positions.iter().find(|position| position.consumer == "dedupe").unwrap();
            dedupe.ack_floor_seq == POISONED as u64 + 1
        };
        assert!(wait_until(LIMIT, handed_out).await);
        shutdown.cancel();
    });
    worked.unwrap();
    assert!(bench.log.last("evt.job-dead-lettered.>").await.unwrap().is_none());
}

/// Fails while what it needs is away.
struct Dependent {
    away: AtomicBool,
    tries: AtomicU64,
}

impl Handle for Dependent {
    async fn handle(&self, _: &WorkItem) -> Result<(), Failure> {
        self.tries.fetch_add(1, Ordering::SeqCst);
        self.needs().await.map_err(|away| Failure::Retry(away.into()))
    }

    async fn needs(&self) -> Result<(), String> {
        if self.away.load(Ordering::SeqCst) { Err("storage is away".to_owned()) } else { Ok(()) }
    }
}

#[tokio::test]
async fn an_outage_uses_up_no_tries() {
    let bench = bench_with_ack_wait(1).await;
    for number in 1..=3 {
        bench.log.append(&samples::image_stored(number, "a", 0)).await.unwrap();
    }
    let handler = Arc::new(Dependent { away: AtomicBool::new(true), tries: AtomicU64::new(0) });
    // One try is all a message has, and the outage is longer than the ack wait.
    let config = WorkConfig { max_tries: 1, concurrency: 2, ..work_config("dedupe") };
    let shutdown = CancellationToken::new();
    let (worked, ()) = tokio::join!(work(&bench.log, handler.clone(), &config, &shutdown), async {
        assert!(wait_until(LIMIT, async || handler.tries.load(Ordering::SeqCst) == 2).await);
        tokio::time::sleep(Duration::from_secs(3)).await; // the outage
        assert_eq!(handler.tries.load(Ordering::SeqCst), 2, "nothing more is taken meanwhile");
        handler.away.store(false, Ordering::SeqCst);
        let done = async || handler.tries.load(Ordering::SeqCst) == 5 && settled(&bench.log).await;
        assert!(wait_until(LIMIT, done).await);
        shutdown.cancel();
    });
    worked.unwrap();
    assert!(bench.log.last("evt.job-dead-lettered.>").await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_handed_out_again_is_handled_again_with_its_story() {
    let bench = bench().await;
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let config = work_config("dedupe");
    work_until(&bench.log, Scripted::new(|_, _| None), &config, async || settled(&bench.log).await).await;

    bench.log.hand_out_again("dedupe", 1, "it ended without an effect").await.unwrap();
    bench.log.hand_out_again("dedupe", 1, "it ended without an effect").await.unwrap();
    assert!(bench.log.has_retry("dedupe", 1).await.unwrap());
    let handler = Scripted::new(|_, _| Some(Failure::Park("it can't be done".into())));
    work_until(&bench.log, handler.clone(), &config, async || settled(&bench.log).await).await;
    assert_eq!(handler.calls(), 1, "asking twice is asking once");
    let letter = bench.log.dead_letter("dedupe", 1).await.unwrap().unwrap();
    assert_eq!(letter.tries.len(), 2);
    assert_eq!(letter.tries[0].errors, ["it ended without an effect"]);
}

#[tokio::test]
async fn the_server_says_which_messages_it_does_not_hand_out_any_more() {
    let bench = bench().await;
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let handler = Scripted::new(|_, _| Some(Failure::Park("it can't be done".into())));
    work_until(&bench.log, handler, &work_config("dedupe"), async || settled(&bench.log).await).await;
    let said = async || !bench.log.advisories_after(0).await.unwrap().is_empty();
    assert!(wait_until(LIMIT, said).await);
    let advisories = bench.log.advisories_after(0).await.unwrap();
    let [advisory] = &advisories[..] else { panic!("{advisories:?}") };
    assert_eq!(advisory.kind, AdvisoryKind::Terminated);
    assert_eq!((advisory.consumer.as_str(), advisory.stream_seq), ("dedupe", 1));
    assert_eq!(bench.log.advisories_after(advisory.seq).await.unwrap(), []);
}

/// As after a restore of the log alone, from a copy of an earlier time.
async fn log_anew(bench: &crate::Bench) -> Log {
    let client = async_nats::connect(bench.server.url()).await.unwrap();
    async_nats::jetstream::new(client).delete_stream("EVENTS").await.unwrap();
    let log = Log::connect(&bench.server.url(), "after the restore").await.unwrap();
    assert!(wait_until(LIMIT, || async { log.is_connected() }).await);
    apply_definitions(&log, 1).await.unwrap();
    log
}

#[tokio::test]
async fn a_ticket_of_before_a_restore_does_not_hand_out_what_stands_at_its_position_now() {
    let bench = bench().await;
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let failing = Scripted::new(|_, _| Some(Failure::Retry("no luck".into())));
    let put_off = async || bench.log.has_retry("dedupe", 1).await.unwrap();
    work_until(&bench.log, failing, &work_config("dedupe"), put_off).await;

    let log = log_anew(&bench).await;
    assert_eq!(log.append(&samples::image_stored(2, "b", 0)).await.unwrap().seq(), 1);
    let handler = Scripted::new(|_, _| None);
    let ended = async || !log.has_retry("dedupe", 1).await.unwrap() && settled(&log).await;
    work_until(&log, handler.clone(), &work_config("dedupe"), ended).await;
    assert_eq!(handler.calls(), 1, "once, as the new fact that it is");
}

#[tokio::test]
async fn a_dead_letter_of_before_a_restore_is_not_the_story_of_what_stands_at_its_position_now() {
    let bench = bench().await;
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let before = Scripted::new(|_, _| Some(Failure::Park("the story of before".into())));
    let now = Scripted::new(|_, _| Some(Failure::Park("its own story".into())));
    let parked = async |log: &Log| log.last("evt.job-dead-lettered.>").await.unwrap().is_some();
    work_until(&bench.log, before, &work_config("dedupe"), async || {
        parked(&bench.log).await && settled(&bench.log).await
    })
    .await;

    let log = log_anew(&bench).await;
    let fact = samples::image_stored(2, "b", 0);
    assert_eq!(log.append(&fact).await.unwrap().seq(), 1);
    assert_eq!(log.dead_letter("dedupe", 1).await.unwrap(), None);
    work_until(&log, now, &work_config("dedupe"), async || parked(&log).await && settled(&log).await).await;
    let letter = log.dead_letter("dedupe", 1).await.unwrap().unwrap();
    assert_eq!((letter.subject, &letter.tries[0].errors[0]), (fact.subject(), &"its own story".to_owned()));
    let told = log.last("evt.job-dead-lettered.>").await.unwrap().unwrap().content.unwrap();
    let Event::JobDeadLettered(told) = told.event else { panic!("{told:?}") };
    assert_eq!((told.job_id, told.reason.as_str()), (samples::job_id(2), "its own story"));
}
