//! What the server refuses is told from a server that is away: said in readiness with what to do, and never waited for.

use std::sync::Arc;

use hilum_events::{Event, samples};
use hilum_log::{AppendError, Failure, Handle, Log, Trouble, WorkItem, apply_definitions};
use hilum_servers::{NatsOptions, NatsServer, wait_until};
use tokio_util::sync::CancellationToken;

use crate::lanes::{Reader, config, request};
use crate::{Bench, LIMIT, Scripted, bare_bench, bench, settled, work_config, work_until};

/// What the server takes in the test, bytes: less than it is declared to, so that it is the server that refuses.
const LONGEST: i32 = 16 << 10;

/// A fact that is longer than the server takes.
fn too_long() -> hilum_events::Envelope {
    let mut fact = samples::job_dead_lettered(7, "content", 0);
    let Event::JobDeadLettered(letter) = &mut fact.event else { panic!() };
    letter.reason = "x".repeat(64 << 10);
    fact
}

/// Wants to append what is too long, of one image.
struct Chatty(Log);

impl Handle for Chatty {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        if item.recorded.seq == 1 {
            self.0.append(&too_long()).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn work_on_what_the_log_refuses_is_parked_at_once_with_the_servers_words() {
    let bench = bench().await;
    let jetstream = bench.jetstream().await;
    let mut settings = jetstream.get_stream("EVENTS").await.unwrap().cached_info().config.clone();
    settings.max_message_size = LONGEST;
    jetstream.update_stream(settings).await.unwrap();
    let refused = bench.log.append(&too_long()).await;
    assert!(matches!(refused, Err(AppendError::Refused(_))), "{refused:?}");
    for number in 1..=3 {
        bench.log.append(&samples::image_stored(number, "content", 0)).await.unwrap();
    }
    let handler = Arc::new(Chatty(bench.log.clone()));
    work_until(&bench.log, handler, &work_config("dedupe"), async || settled(&bench.log).await).await;
    let letter = bench.log.dead_letter("dedupe", 1).await.unwrap().expect("it is parked");
    assert_eq!(letter.tries.len(), 1, "it was tried again");
    let told = letter.tries[0].errors.join(": ");
    assert!(told.contains("refuses") && told.contains("exceeds maximum allowed"), "{told}");
    assert_eq!(bench.log.probe().await, Ok(()), "the fault is that of one message");
}

#[tokio::test]
async fn a_full_log_is_called_full_until_there_is_room_and_nothing_is_parked_for_it() {
    let bench = bench().await;
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let jetstream = bench.jetstream().await;
    let bound = async |max_messages| {
        let mut stream = jetstream.get_stream("EVENTS").await.unwrap();
        let mut config = stream.info().await.unwrap().config.clone();
        config.max_messages = max_messages;
        jetstream.update_stream(config).await.unwrap();
    };
    bound(1).await;
    let fact = samples::image_stored(2, "b", 0);
    assert!(matches!(bench.log.append(&fact).await, Err(AppendError::Full(_))));
    assert!(matches!(bench.log.has_room().await, Err(AppendError::Full(_))));
    let said = bench.log.probe().await.unwrap_err();
    assert!(said.contains("full") && said.contains("limits"), "{said}");
    bound(-1).await;
    bench.log.append(&fact).await.unwrap();
    assert_eq!(bench.log.probe().await, Ok(()));
}

#[tokio::test]
async fn at_its_limit_of_consumers_the_server_is_said_to_refuse_and_all_sites_are_served() {
    let bench = bare_bench(Some(51)).await;
    apply_definitions(&bench.log, 1).await.unwrap();
    let log = &bench.log;
    assert_eq!(log.consumer_count().await.unwrap(), 51);
    assert_eq!(log.probe().await, Ok(()));
    let shutdown = CancellationToken::new();
    let ((), ()) = tokio::join!(log.watch_waiting(&shutdown), async {
        let refused = async || log.probe().await.is_err();
        assert!(wait_until(LIMIT, refused).await, "nobody is told");
        let said = log.probe().await.unwrap_err();
        assert!(said.contains("maximum consumers limit") && said.contains("default_max_consumers"), "{said}");
        let reader = Arc::new(Reader::default());
        for number in 0..100 {
            request(log, &format!("site-{number}"), number).await;
        }
        work_until(log, reader.clone(), &config(4), async || reader.count() == 100).await;
        // It heals by itself when there is room for the follower.
        let stream = bench.jetstream().await.get_stream("EVENTS").await.unwrap();
        stream.delete_consumer("dedupe").await.unwrap();
        assert!(wait_until(LIMIT, async || log.probe().await.is_ok()).await, "{:?}", log.probe().await);
        shutdown.cancel();
    });
}

#[tokio::test]
async fn what_it_may_not_do_is_said_and_forgotten_when_it_may() {
    let bench = bench().await;
    let Bench { server, log, folder } = bench;
    let options = NatsOptions { port: Some(server.port()), ..NatsOptions::in_folder(folder.path().into()) };
    server.stop().await;
    let server = NatsServer::start(&NatsOptions { denied: vec!["evt.>".to_owned()], ..options.clone() })
        .await
        .unwrap();
    let probe = async |is_wanted: fn(&Result<(), String>) -> bool| {
        let looked = wait_until(LIMIT, async || is_wanted(&log.probe().await)).await;
        assert!(looked, "{:?}", log.probe().await);
    };
    probe(Result::is_ok).await;
    let fact = samples::image_stored(1, "a", 0);
    let (refused, ()) = tokio::join!(
        log.append(&fact),
        probe(|said| said.as_ref().is_err_and(|why| why.contains("give the user of this connection")))
    );
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    server.stop().await;
    let _server = NatsServer::start(&options).await.unwrap();
    probe(Result::is_ok).await;
    log.append(&fact).await.unwrap();
}

#[tokio::test]
async fn a_consumer_that_is_missing_is_named_with_what_makes_it() {
    let (bench, reader) = (bench().await, Arc::new(Reader::default()));
    let stream = bench.jetstream().await.get_stream("EVENTS").await.unwrap();
    stream.delete_consumer("infer-routine-lane-5").await.unwrap();
    let error = bench.log.queue_depths().await.unwrap_err();
    assert_eq!(error.trouble(), Trouble::Away, "a cluster may just have no leader for it");
    work_until(&bench.log, reader, &config(1), async || bench.log.probe().await.is_err()).await;
    let said = bench.log.probe().await.unwrap_err();
    assert!(said.contains("hilum streams apply"), "{said}");
}

#[tokio::test]
async fn a_message_whose_ticket_is_refused_is_parked_with_both_reasons_and_not_tried_for_ever() {
    let bench = bench().await;
    let jetstream = bench.jetstream().await;
    let mut retries = jetstream.get_stream("RETRIES").await.unwrap();
    let mut settings = retries.info().await.unwrap().config.clone();
    settings.max_message_size = 16;
    jetstream.update_stream(settings).await.unwrap();
    bench.log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let handler = Scripted::new(|_, _| Some(Failure::Retry("no luck".into())));
    work_until(&bench.log, handler.clone(), &work_config("dedupe"), async || settled(&bench.log).await).await;
    let letter = bench.log.dead_letter("dedupe", 1).await.unwrap().expect("it is parked");
    let told = letter.tries[0].errors.join(": ");
    assert!(told.contains("no luck") && told.contains("refuses the ticket"), "{told}");
    assert_eq!(handler.calls(), 1);
}
