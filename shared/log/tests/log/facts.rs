//! Appending, claiming, following, and the definitions of the streams.

use hilum_events::{DecodeError, Event, Priority, claim_filter, samples};
use hilum_log::{AppendError, Appended, apply_definitions, drift};
use hilum_servers::{NatsOptions, NatsServer, wait_until};

use crate::{Bench, LIMIT, bench};

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
async fn a_fact_that_is_too_long_is_refused_before_it_is_sent_and_the_longest_is_taken() {
    let bench = bench().await;
    let report = |jobs: u128| samples::report_issued(1, &(1..=jobs).collect::<Vec<_>>(), 0);
    let refused = async |jobs| match bench.log.append(&report(jobs)).await {
        Err(AppendError::TooLong { event, size_bytes, limit_bytes }) => (event, size_bytes, limit_bytes),
        other => panic!("{other:?}"),
    };
    let (event, size_bytes, limit_bytes) = refused(70_000).await;
    assert_eq!((event, size_bytes), ("report-issued", report(70_000).encode().len()));
    assert_eq!(bench.log.position().await.unwrap().last_seq, 0);
    // To the last job that fits.
    let fits =
        (1..70_000).collect::<Vec<_>>().partition_point(|jobs| report(*jobs).encode().len() <= limit_bytes);
    let longest = fits as u128;
    refused(longest + 1).await;
    assert_eq!(bench.log.append(&report(longest)).await.unwrap(), Appended::New { seq: 1 });
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
async fn a_reading_is_told_once_whichever_site_asked_for_it() {
    let bench = bench().await;
    let first = samples::inference_completed(1, "a", 0);
    let seq = bench.log.append(&first).await.unwrap().seq();
    let cause = samples::inference_requested(2, "a", 1);
    let second = cause.next_at(&"elsewhere".parse().unwrap(), samples::at(2), first.event.clone());
    assert_ne!(first.subject(), second.subject());
    let Err(AppendError::Taken(found)) = bench.log.append(&second).await else { panic!("told twice") };
    assert_eq!(found.seq, seq);
}

#[tokio::test]
async fn a_fact_under_the_subject_of_another_is_not_taken_for_it() {
    let bench = bench().await;
    let forged = samples::image_stored(1, "a", 0);
    let other = samples::image_stored(2, "a", 0).subject();
    let client = async_nats::connect(bench.server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let published = context.publish(other.clone(), forged.encode().into()).await.unwrap();
    let seq = published.await.unwrap().sequence;
    let belongs = DecodeError::Misplaced { belongs: forged.subject() };
    assert_eq!(bench.log.at(seq).await.unwrap().unwrap().content, Err(belongs.clone()));
    assert_eq!(bench.log.last(&other).await.unwrap().unwrap().content, Err(belongs.clone()));
    assert_eq!(bench.log.follow(0, &[]).next().await.content, Err(belongs));
}

#[tokio::test]
async fn a_follower_reads_in_order_across_a_restart_of_the_server() {
    let Bench { server, log, folder } = bench().await;
    for number in 1..=3 {
        log.append(&samples::image_stored(number, "a", 0)).await.unwrap();
    }
    let mut follower = log.follow(1, &[]);
    let seqs: Vec<u64> = follower.next_batch(10).await.unwrap().iter().map(|recorded| recorded.seq).collect();
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

#[tokio::test]
async fn a_further_attempt_takes_the_place_of_the_one_before_and_of_no_other() {
    let bench = bench().await;
    let first = samples::inference_requested(1, "a", 0);
    let attempt = |number| {
        let mut next = first.clone();
        let Event::InferenceRequested(request) = &mut next.event else { unreachable!() };
        request.attempt = number;
        first.next(samples::at(1), next.event)
    };
    let seq = bench.log.append(&first).await.unwrap().seq();
    let second = bench.log.append_after(&attempt(2), seq).await.unwrap();
    assert_eq!(second, Appended::New { seq: seq + 1 });
    assert_eq!(
        bench.log.append_after(&attempt(2), seq).await.unwrap(),
        Appended::AlreadyThere { seq: seq + 1 }
    );
    let other = samples::inference_requested(2, "a", 0);
    assert!(matches!(bench.log.append_after(&other, seq).await, Err(AppendError::Taken(_))));
}
