//! A log that was cut or replaced is not written to.

use hilum_events::samples;
use hilum_log::{AppendError, Log, OtherLog, Seal, SealError, apply_definitions};
use hilum_servers::{NatsOptions, NatsServer, wait_until};

use crate::{Bench, LIMIT, bench};

#[tokio::test]
async fn a_log_that_was_replaced_while_the_server_was_away_is_not_written_to() {
    let Bench { server, log, folder } = bench().await;
    log.append(&samples::image_stored(1, "a", 0)).await.unwrap();
    let mut options = NatsOptions::in_folder(folder.path().join("another"));
    options.port = Some(server.port());
    server.stop().await;
    let server = NatsServer::start(&options).await.unwrap();
    let operator = Log::connect(&server.url(), "operator").await.unwrap();
    assert!(wait_until(LIMIT, || async { operator.is_connected() }).await);
    apply_definitions(&operator, 1).await.unwrap();

    assert!(wait_until(LIMIT, || async { log.position().await.is_ok() }).await);
    let refused = log.append(&samples::image_stored(2, "a", 0)).await;
    assert!(matches!(refused, Err(AppendError::OtherLog(OtherLog::Epoch { .. }))), "{refused:?}");
    assert_eq!(log.position().await.unwrap().last_seq, 0);
    assert!(log.probe().await.unwrap_err().contains("restore"), "readiness says so too");
}

#[tokio::test]
async fn a_seal_tells_a_log_that_was_cut_from_the_one_that_was_sealed() {
    let bench = bench().await;
    let log = &bench.log;
    for number in 1..=2 {
        log.append(&samples::image_stored(number, "a", 0)).await.unwrap();
    }
    let seal = log.seal().await.unwrap();
    log.append(&samples::image_stored(3, "a", 0)).await.unwrap();
    log.check_seal(&seal).await.unwrap();

    let longer = Seal { seq: 9, ..seal.clone() };
    let shorter = log.check_seal(&longer).await;
    assert!(matches!(shorter, Err(SealError::Mismatch(OtherLog::Shorter { found: 3, known: 9 }))));
    let other_event = Seal { seq: 1, ..seal.clone() };
    let other = log.check_seal(&other_event).await;
    assert!(matches!(other, Err(SealError::Mismatch(OtherLog::Event { seq: 1 }))));
    let other_epoch = Seal { epoch: "another day".to_owned(), ..seal };
    assert!(matches!(log.check_seal(&other_epoch).await, Err(SealError::Mismatch(OtherLog::Epoch { .. }))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_that_are_appended_while_the_log_is_compared_are_no_mismatch() {
    let bench = bench().await;
    let seal = bench.log.seal().await.unwrap();
    let log = bench.log.clone();
    let appending = tokio::spawn(async move {
        for number in 1..=1000 {
            log.append(&samples::image_stored(number, "a", 0)).await.unwrap();
        }
    });
    while !appending.is_finished() {
        bench.log.check_seal(&seal).await.unwrap();
    }
    appending.await.unwrap();
}
