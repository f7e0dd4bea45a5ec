//! What vanishes from the log is named, stood at, and passed over only when somebody has accepted the loss.

use std::time::Duration;

use async_nats::jetstream::stream::DiscardPolicy;
use hilum_events::{Envelope, samples};
use hilum_log::{Follower, Gap, Log, OtherLog, SealError, apply_definitions};
use hilum_servers::{NatsOptions, NatsServer, TestFolder, damage_message, wait_until};
use tokio::time::timeout;

use crate::{Bench, LIMIT, bench};

/// Behind a subject of these tests, in headers or payload.
const CONTENT: i64 = 150;

fn image(number: u128) -> Envelope {
    samples::image_stored(number, "a", 0)
}

async fn append(log: &Log, numbers: std::ops::RangeInclusive<u128>) {
    for number in numbers {
        log.append(&image(number)).await.unwrap();
    }
}

/// Stops the server, damages the message of `envelope` and starts it again.
async fn damaged(bench: Bench, envelope: &Envelope) -> Bench {
    let Bench { server, log, folder } = bench;
    let mut options = NatsOptions::in_folder(folder.path().into());
    options.port = Some(server.port());
    server.stop().await;
    damage_message(folder.path(), "EVENTS", &envelope.subject(), CONTENT).unwrap();
    let server = NatsServer::start(&options).await.unwrap();
    assert!(wait_until(LIMIT, || async { log.position().await.is_ok() }).await);
    Bench { server, log, folder }
}

async fn expect(follower: &mut Follower, seqs: &[u64]) {
    for seq in seqs {
        let recorded = timeout(LIMIT, follower.next()).await.expect("goes on");
        assert_eq!(recorded.seq, *seq);
    }
}

/// Follows until the hole is named, and gives nothing out meanwhile.
async fn stands_at(follower: &mut Follower, log: &Log, gap: Gap) {
    tokio::select! {
        recorded = follower.next() => panic!("passed over the hole to {}", recorded.seq),
        found = wait_until(LIMIT, || async { log.hole() == Some(gap) }) => assert!(found, "{:?}", log.hole()),
    }
    let said = log.probe().await.unwrap_err();
    assert!(said.contains(&gap.to_string()) && said.contains("accept-loss"), "{said}");
}

#[tokio::test]
async fn a_reader_of_the_whole_log_stands_at_a_hole_until_the_loss_is_accepted() {
    let bench = bench().await;
    append(&bench.log, 1..=5).await;
    let bench = damaged(bench, &image(3)).await;
    let log = &bench.log;
    let mut follower = log.follow(0, &[]);
    expect(&mut follower, &[1, 2]).await;
    stands_at(&mut follower, log, Gap { first_seq: 3, last_seq: 3 }).await;
    log.all_under(&["evt.image-stored.>"]).await.expect_err("one that is counted is not handed out");

    log.accept_loss(&samples::log_loss_accepted(3, 3, 0)).await.unwrap();
    expect(&mut follower, &[4, 5, 6]).await;
    assert_eq!((log.hole(), log.probe().await), (None, Ok(())));
    append(log, 7..=7).await;
    expect(&mut follower, &[7]).await;
    expect(&mut log.follow(1, &[]), &[2, 4, 5, 6, 7]).await;
}

#[tokio::test]
async fn the_last_fact_can_be_lost_too() {
    let bench = bench().await;
    append(&bench.log, 1..=3).await;
    let bench = damaged(bench, &image(3)).await;
    let mut follower = bench.log.follow(0, &[]);
    expect(&mut follower, &[1, 2]).await;
    stands_at(&mut follower, &bench.log, Gap { first_seq: 3, last_seq: 3 }).await;
    let mut behind = bench.log.follow(2, &[]);
    stands_at(&mut behind, &bench.log, Gap { first_seq: 3, last_seq: 3 }).await;
}

async fn set_most_messages(log: &Bench, most: i64) {
    let client = async_nats::connect(log.server.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let mut config = context.get_stream("EVENTS").await.unwrap().cached_info().config.clone();
    config.max_messages = most;
    config.discard = if most < 0 { DiscardPolicy::New } else { DiscardPolicy::Old };
    context.update_stream(config).await.unwrap();
}

#[tokio::test]
async fn a_head_that_was_removed_is_missed_by_seal_readiness_and_check() {
    let bench = bench().await;
    let log = &bench.log;
    append(log, 1..=7).await;
    let seal = log.seal().await.unwrap();
    log.check_seal(&seal).await.unwrap();
    assert_eq!(log.lost().await.unwrap(), []);

    set_most_messages(&bench, 4).await;
    let other = Log::connect(&bench.server.url(), "other").await.unwrap();
    assert!(wait_until(LIMIT, || async { other.is_connected() }).await);
    assert!(other.probe().await.unwrap_err().contains("would forget"), "{:?}", other.probe().await);
    set_most_messages(&bench, -1).await;

    let said = log.probe().await.unwrap_err();
    assert!(said.contains("begins at 4") && said.contains("accept-loss"), "{said}");
    let other = Log::connect(&bench.server.url(), "restarted").await.unwrap();
    assert!(wait_until(LIMIT, || async { other.is_connected() }).await);
    let mismatch = other.check_seal(&seal).await;
    assert!(matches!(mismatch, Err(SealError::Mismatch(OtherLog::Headless { found: 4, known: 1 }))));
    let lost = other.lost().await.unwrap();
    assert!(lost.len() == 1 && lost[0].difference.contains("begins at 4"), "{lost:?}");
    stands_at(&mut other.follow(0, &[]), &other, Gap { first_seq: 1, last_seq: 3 }).await;

    other.accept_loss(&samples::log_loss_accepted(1, 3, 0)).await.unwrap();
    log.probe().await.unwrap();
    other.check_seal(&seal).await.unwrap();
    assert_eq!(other.lost().await.unwrap(), []);
    expect(&mut other.follow(0, &[]), &[4, 5, 6, 7, 8]).await;
}

/// Three servers, each with the log, and the first of them with a hole in it.
#[tokio::test]
async fn what_one_of_three_servers_has_lost_is_had_from_the_others() {
    let folder = TestFolder::new().unwrap();
    let options = NatsOptions::cluster(folder.path(), 3).unwrap();
    let mut servers: Vec<NatsServer> =
        options.iter().map(NatsServer::launch).collect::<Result<_, _>>().unwrap();
    for server in &mut servers {
        server.wait_healthy(LIMIT).await.unwrap();
    }
    let log = Log::connect(&servers[1].url(), "test").await.unwrap();
    assert!(wait_until(LIMIT, || async { apply_definitions(&log, 3).await.is_ok() }).await);
    append(&log, 1..=5).await;

    servers.remove(0).stop().await;
    damage_message(&options[0].folder, "EVENTS", &image(3).subject(), CONTENT).unwrap();
    servers.insert(0, NatsServer::launch(&options[0]).unwrap());
    servers[0].wait_healthy(LIMIT).await.unwrap();
    let client = async_nats::connect(servers[1].url()).await.unwrap();
    let context = async_nats::jetstream::new(client.clone());
    let leads = || async {
        let wanted = r#"{"placement":{"preferred":"node-1"}}"#;
        let subject = "$JS.API.STREAM.LEADER.STEPDOWN.EVENTS";
        client.request(subject, wanted.into()).await.unwrap();
        let stream = context.get_stream("EVENTS").await.ok();
        let leader = stream.and_then(|stream| stream.cached_info().cluster.clone()?.leader);
        leader.as_deref() == Some("node-1")
    };
    assert!(wait_until(LIMIT, leads).await);

    assert!(log.at(3).await.unwrap().is_none(), "the server that leads has lost it");
    assert_eq!(log.at_any_server(3).await.unwrap().unwrap().seq, 3);
    expect(&mut log.follow(0, &[]), &[1, 2, 3, 4, 5]).await;
    assert_eq!(log.hole(), None);
    for server in servers {
        server.stop().await;
    }
}

#[tokio::test]
async fn what_is_only_late_is_no_hole() {
    let bench = bench().await;
    append(&bench.log, 1..=2).await;
    let mut follower = bench.log.follow(0, &[]);
    expect(&mut follower, &[1, 2]).await;
    // Longer than it takes to ask for the end of the log.
    assert!(timeout(Duration::from_secs(4), follower.next()).await.is_err());
    append(&bench.log, 3..=3).await;
    expect(&mut follower, &[3]).await;
    assert_eq!(bench.log.hole(), None);
}
