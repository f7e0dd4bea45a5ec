//! A log that was cut or replaced is not written to.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hilum_events::{Envelope, samples};
use hilum_log::{
    AppendError, Failure, Handle, Log, OtherLog, Seal, SealError, WorkError, WorkItem, apply_definitions,
    work,
};
use hilum_servers::{NatsOptions, NatsServer, copy_folder, wait_until};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{Bench, LIMIT, bench, work_config};

fn image(number: u128) -> Envelope {
    samples::image_stored(number, "a", 0)
}

/// A bench whose store can be put back to what it was.
struct Keeper {
    bench: Bench,
    /// Another service's.
    other: Log,
}

impl Keeper {
    /// With one fact in the log.
    async fn start() -> Self {
        let bench = bench().await;
        bench.log.append(&image(1)).await.unwrap();
        let other = Log::connect(&bench.server.url(), "other").await.unwrap();
        assert!(wait_until(LIMIT, || async { other.is_connected() }).await);
        Self { bench, other }
    }

    /// Keeps a copy of the store under this name.
    async fn keep(self, copy: &str) -> Self {
        self.with_store(copy, true).await
    }

    /// Puts a copy in the place of the store.
    async fn put_back(self, copy: &str) -> Self {
        self.with_store(copy, false).await
    }

    /// Returns when both services have looked at what stands there: only they know whether they have something to say.
    async fn with_store(self, copy: &str, keeps: bool) -> Self {
        let Self { bench: Bench { server, log, folder }, other } = self;
        let mut options = NatsOptions::in_folder(folder.path().into());
        options.port = Some(server.port());
        server.stop().await;
        let (store, copy) = (folder.path().join("jetstream"), folder.path().join(copy));
        let (from, to) = if keeps { (&store, &copy) } else { (&copy, &store) };
        copy_folder(from, to).unwrap();
        let server = NatsServer::start(&options).await.unwrap();
        for log in [&log, &other] {
            assert!(wait_until(LIMIT, || async { log.position().await.is_ok() }).await);
        }
        Self { bench: Bench { server, log, folder }, other }
    }
}

#[tokio::test]
async fn a_log_that_lacks_what_was_read_of_it_is_not_written_to() {
    let keeper = Keeper::start().await.keep("old").await;
    keeper.bench.log.probe().await.unwrap();
    keeper.other.append(&image(2)).await.unwrap();
    assert_eq!(keeper.bench.log.follow(1, &[]).next().await.seq, 2);

    let keeper = keeper.put_back("old").await;
    let log = &keeper.bench.log;
    let refused = log.append(&image(3)).await;
    assert!(
        matches!(refused, Err(AppendError::OtherLog(OtherLog::Shorter { found: 1, known: 2 }))),
        "{refused:?}"
    );
    assert_eq!(log.position().await.unwrap().last_seq, 1);
}

/// Appends what follows from a message when it may, not before.
struct Slow {
    log: Log,
    taken: mpsc::Sender<u64>,
    may_go_on: Notify,
}

impl Handle for Slow {
    async fn handle(&self, item: &WorkItem) -> Result<(), Failure> {
        self.taken.send(item.recorded.seq).await.unwrap();
        self.may_go_on.notified().await;
        let content = item.recorded.seq.to_string();
        self.log.append(&samples::inference_requested(9, &content, 1)).await?;
        Ok(())
    }
}

#[tokio::test]
async fn who_has_work_in_hand_that_the_log_lacks_stops() {
    let keeper = Keeper::start().await;
    let shutdown = CancellationToken::new();
    let (taken, mut was_taken) = mpsc::channel(9);
    let slow = Arc::new(Slow { log: keeper.bench.log.clone(), taken, may_go_on: Notify::new() });
    let working = {
        let (log, slow, shutdown) = (keeper.bench.log.clone(), slow.clone(), shutdown.clone());
        tokio::spawn(async move { work(&log, slow, &work_config("dedupe"), &shutdown).await })
    };
    assert_eq!(was_taken.recv().await, Some(1));
    slow.may_go_on.notify_one();
    let followed = || async { keeper.other.position().await.unwrap().last_seq == 2 };
    assert!(wait_until(LIMIT, followed).await);
    let keeper = keeper.keep("old").await;
    keeper.bench.log.probe().await.unwrap();
    keeper.other.append(&image(2)).await.unwrap();
    while was_taken.recv().await != Some(3) {}

    let keeper = keeper.put_back("old").await;
    slow.may_go_on.notify_one();
    let worked = tokio::time::timeout(LIMIT, working).await.expect("it stops").unwrap();
    let Err(WorkError::Stopped { source, .. }) = worked else { panic!("it went on") };
    assert!(source.to_string().contains("ends at"), "{source}");
    assert_eq!(keeper.other.position().await.unwrap().last_seq, 2);
}

#[tokio::test]
async fn a_follower_goes_on_in_the_log_of_which_it_gave_out_the_last_fact_and_in_no_other() {
    let keeper = Keeper::start().await.keep("old").await;
    for number in 2..=3 {
        keeper.other.append(&image(number)).await.unwrap();
    }
    let mut follower = keeper.bench.log.follow(1, &[]);
    assert_eq!(follower.next().await.seq, 2);

    let keeper = keeper.keep("true").await.put_back("old").await;
    let stranger = Log::connect(&keeper.bench.server.url(), "stranger").await.unwrap();
    stranger.wait_until_usable(&CancellationToken::new()).await;
    for number in 7..=9 {
        stranger.append(&image(number)).await.unwrap();
    }
    let other = follower.next_batch(9).await;
    assert!(matches!(other, Err(OtherLog::Event { seq: 2 })), "{other:?}");

    let keeper = keeper.put_back("old").await.put_back("true").await;
    assert_eq!(follower.next().await.envelope(), Some(&image(3)));
    // Who knows where he begins is told at once.
    let mut behind = keeper.bench.log.follow(2, &[]).behind(Some(image(9).event_id));
    assert!(matches!(behind.next_batch(9).await, Err(OtherLog::Event { seq: 2 })));
}

/// The record of a seal, which can be away.
type Record = Arc<Mutex<Result<Option<Bytes>, AwayError>>>;

#[derive(Debug, Clone, thiserror::Error)]
#[error("storage is away")]
struct AwayError;

#[tokio::test]
async fn on_each_new_connection_the_log_is_compared_with_its_seal() {
    let keeper = Keeper::start().await.keep("old").await;
    let record = Record::new(Mutex::new(Ok(None)));
    let reads = record.clone();
    let never = CancellationToken::new();
    let read_seal = move || std::future::ready(reads.lock().unwrap().clone());
    assert!(keeper.bench.log.wait_until_trusted(&never, read_seal).await.unwrap());
    // Another service appends, and it is sealed before this one has heard of it.
    keeper.other.append(&image(2)).await.unwrap();
    let seal = serde_json::to_vec(&keeper.other.seal().await.unwrap()).unwrap();

    *record.lock().unwrap() = Err(AwayError);
    let keeper = keeper.put_back("old").await;
    let log = &keeper.bench.log;
    let unknown = log.append(&image(3)).await;
    assert!(matches!(unknown, Err(AppendError::Unavailable(_))), "{unknown:?}");
    let said = log.probe().await.unwrap_err();
    assert!(said.contains("storage is away"), "{said}");

    *record.lock().unwrap() = Ok(Some(seal.into()));
    let refused = log.append(&image(3)).await;
    assert!(
        matches!(refused, Err(AppendError::OtherLog(OtherLog::Shorter { found: 1, known: 2 }))),
        "{refused:?}"
    );
    assert_eq!(log.position().await.unwrap().last_seq, 1);
}

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
