//! The handler against a real nats-server: what it asks for when a reading failed before.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::sync::Arc;
use std::time::Duration;

use hilum_events::{InferenceFailed, JobId, ReaderIdentity, links_filter, samples};
use hilum_log::{WorkConfig, apply_definitions, work};
use hilum_models::demo::write_demo;
use hilum_servers::{NatsOptions, NatsServer, TestFolder, wait_until};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;

const LIMIT: Duration = Duration::from_secs(30);
/// The content of all images.
const CONTENT: &str = "a";

/// The service, and all it needs.
struct Bench {
    _folder: TestFolder,
    _nats: NatsServer,
    log: Log,
    reader: ReaderIdentity,
    reading_id: ReadingId,
    shutdown: CancellationToken,
    working: JoinHandle<()>,
}

impl Bench {
    async fn new() -> Self {
        let folder = TestFolder::new().unwrap();
        let nats = NatsServer::start(&NatsOptions::in_folder(folder.path().join("nats"))).await.unwrap();
        let log = Log::connect(&nats.url(), "test").await.unwrap();
        assert!(wait_until(LIMIT, || async { log.is_connected() }).await);
        apply_definitions(&log, 1).await.unwrap();
        let model = write_demo(&folder.path().join("model")).unwrap();
        let dedupe = Dedupe::new(log.clone(), &model).unwrap();
        let Event::ImageStored(stored) = samples::image_stored(1, CONTENT, 0).event else { unreachable!() };
        let (reader, reading_id) = (dedupe.model.reader.clone(), dedupe.reading_of(&stored));
        let shutdown = CancellationToken::new();
        let working = tokio::spawn(work_until(log.clone(), dedupe, shutdown.clone()));
        Self { _folder: folder, _nats: nats, log, reader, reading_id, shutdown, working }
    }

    /// Brings the content once more and waits until that led to something: the newest request of its reading then, with
    /// its position and whether it is this job's.
    async fn upload(&self, number: u128) -> (u64, InferenceRequested, bool) {
        self.log.append(&samples::image_stored(number, CONTENT, 0)).await.unwrap();
        let job_id = samples::job_id(number);
        let led_on = || async { self.asks(job_id).await || self.is_linked(job_id).await };
        assert!(wait_until(LIMIT, led_on).await);
        let (seq, request) = self.newest().await.unwrap();
        let asks = request.job_id == job_id;
        (seq, request, asks)
    }

    async fn newest(&self) -> Option<(u64, InferenceRequested)> {
        let found = self.log.last(&hilum_events::claim_filter(self.reading_id)).await.unwrap()?;
        Some((found.seq, request_in(&found).unwrap().clone()))
    }

    async fn asks(&self, job_id: JobId) -> bool {
        self.newest().await.is_some_and(|(_, request)| request.job_id == job_id)
    }

    async fn is_linked(&self, job_id: JobId) -> bool {
        let links = self.log.all_under(&[&links_filter(self.reading_id)]).await.unwrap();
        links.iter().any(|link| {
            matches!(&link.envelope().unwrap().event, Event::DuplicateLinked(link) if link.job_id == job_id)
        })
    }

    /// A worker of this release says that the attempt failed; `None` for one that does not say who it is.
    async fn fail(&self, seq: u64, release: Option<&str>) -> Envelope {
        let asked = self.log.at(seq).await.unwrap().unwrap();
        let request = request_in(&asked).unwrap();
        let failed = InferenceFailed {
            reading_id: request.reading_id,
            job_id: request.job_id,
            attempt: request.attempt,
            code: "unsupported".to_owned(),
            reason: "this transfer syntax can't be decoded".to_owned(),
            reader: release
                .map(|release| ReaderIdentity { release: release.to_owned(), ..self.reader.clone() }),
        };
        let failed = asked.envelope().unwrap().next(Timestamp::now(), Event::InferenceFailed(failed));
        self.log.append(&failed).await.unwrap();
        failed
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.working.await.unwrap();
    }
}

async fn work_until(log: Log, dedupe: Dedupe, shutdown: CancellationToken) {
    let config = WorkConfig {
        consumers: vec!["dedupe".to_owned()],
        concurrency: 4,
        handle_limit: LIMIT,
        max_tries: 3,
        max_unanswered: 3,
        drain_limit: Duration::from_secs(5),
    };
    Box::pin(work(&log, Arc::new(dedupe), &config, &shutdown)).await.unwrap();
}

#[tokio::test]
async fn the_next_upload_of_what_an_earlier_release_could_not_read_asks_again_and_once() {
    let bench = Bench::new().await;
    let (first, request, asks) = bench.upload(1).await;
    assert!(asks);
    assert_eq!((request.attempt, &request.retried_for), (1, &None));
    assert!(!bench.upload(2).await.2, "it shares what is under way");

    bench.fail(first, None).await;
    let (second, request, asks) = bench.upload(3).await;
    assert!(asks, "an earlier release failed");
    assert_eq!((request.attempt, request.retried_for.as_ref()), (2, Some(&bench.reader)));
    assert!(!bench.upload(4).await.2, "the new attempt is under way");

    // A worker of the earlier release was faster: nobody asks in vain again.
    bench.fail(second, Some("0.0.1")).await;
    assert_eq!(bench.upload(5).await, (second, request, false));
    bench.stop().await;
}

#[tokio::test]
async fn what_this_release_could_not_read_stays_failed_until_an_operator_wants_it_tried_again() {
    let bench = Bench::new().await;
    let (first, request, _) = bench.upload(1).await;
    let failed = bench.fail(first, Some(&bench.reader.release)).await;
    assert_eq!(bench.upload(2).await, (first, request.clone(), false));

    let decided = DeadLetterResolved {
        job_id: request.job_id,
        reading_id: Some(request.reading_id),
        consumer: "infer-routine".to_owned(),
        stream_seq: first,
        resolution: Resolution::Redrive,
        by: "ada".to_owned(),
        why: "the decoder's library was renewed".to_owned(),
    };
    let decided = failed.next(Timestamp::now(), Event::DeadLetterResolved(decided));
    bench.log.append(&decided).await.unwrap();
    let is_asked_again = || async { bench.newest().await.is_some_and(|(_, request)| request.attempt == 2) };
    assert!(wait_until(LIMIT, is_asked_again).await);
    let (_, again) = bench.newest().await.unwrap();
    assert_eq!((again.job_id, &again.retried_for), (request.job_id, &None));
    bench.stop().await;
}
