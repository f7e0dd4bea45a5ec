//! The shortcut on a real log.

use std::time::Instant;

use hilum_events::{Priority, samples};
use hilum_log::Appended;
use nix::sys::signal::Signal;
use serde_json::json;

use super::*;
use hilum_test_log::{LIMIT, READING_KEY, TestLog, completed, requested};

/// Without a bound a request to the server takes as long as this before it fails.
const UNBOUNDED: Duration = Duration::from_secs(5);

fn content() -> Sha256Digest {
    Sha256Digest::of(b"a")
}

async fn link_of(bench: &TestLog, link: &Envelope) -> Envelope {
    let found = bench.log.last(&link.subject()).await.unwrap();
    found.expect("a link stands there").content.unwrap()
}

#[tokio::test]
async fn content_that_was_read_is_linked_by_the_fact_that_dedupe_would_write() {
    let bench = TestLog::start().await;
    bench.read(1, b"a").await;
    let readings = Readings::by_key(&bench.log, READING_KEY);
    let known = readings.find(&content()).await.unwrap();
    let stored = samples::image_stored(2, "a", 3);
    bench.append(&stored).await;
    let answer = json!(readings.link(&stored, known).await.unwrap());
    assert_eq!(answer["job_id"], json!(samples::job_id(2)));
    assert_eq!(answer["duplicate_of"], json!(samples::job_id(1)));
    assert_eq!(answer["findings"], json!(completed(1, b"a").findings));

    let by_dedupe = samples::duplicate_linked(2, 1, "a", 9);
    let by_door = link_of(&bench, &by_dedupe).await;
    assert_eq!((by_door.event_id, &by_door.event), (by_dedupe.event_id, &by_dedupe.event));
    assert!(matches!(bench.append(&by_dedupe).await, Appended::AlreadyThere { .. }));
}

#[tokio::test]
async fn a_link_that_dedupe_was_faster_to_write_is_answered_too() {
    let bench = TestLog::start().await;
    bench.read(1, b"a").await;
    let readings = Readings::by_key(&bench.log, READING_KEY);
    let known = readings.find(&content()).await.unwrap();
    let stored = samples::image_stored(2, "a", 3);
    bench.append(&stored).await;
    bench.append(&samples::duplicate_linked(2, 1, "a", 3)).await;
    assert!(readings.link(&stored, known).await.is_some());
}

#[tokio::test]
async fn the_reading_is_shared_with_the_job_that_asked_last_even_if_an_earlier_attempt_answered() {
    let bench = TestLog::start().await;
    let first = samples::image_stored(1, "a", 0);
    let first = first.next(samples::at(1), Event::InferenceRequested(requested(1, b"a")));
    let seq = bench.append(&first).await.seq();
    let again = InferenceRequested { attempt: 2, priority: Priority::Stat, ..requested(3, b"a") };
    let again = samples::image_stored(3, "a", 2).next(samples::at(3), Event::InferenceRequested(again));
    bench.log.append_after(&again, seq).await.unwrap();
    let late = first.next(samples::at(4), Event::InferenceCompleted(completed(1, b"a")));
    bench.append(&late).await;

    let readings = Readings::by_key(&bench.log, READING_KEY);
    let known = readings.find(&content()).await.unwrap();
    let stored = samples::image_stored(2, "a", 5);
    bench.append(&stored).await;
    let answer = readings.link(&stored, known).await.unwrap();
    assert_eq!(answer.duplicate_of, Some(samples::job_id(3)));
}

#[tokio::test]
async fn what_is_not_read_yet_failed_or_was_read_by_another_model_is_not_known() {
    let bench = TestLog::start().await;
    let readings = Readings::by_key(&bench.log, READING_KEY);
    assert!(readings.find(&content()).await.is_none(), "nobody sent it");
    bench.append(&samples::inference_requested(1, "a", 1)).await;
    assert!(readings.find(&content()).await.is_none(), "it is being read");
    bench.append(&samples::inference_failed(1, "a", 2)).await;
    assert!(readings.find(&content()).await.is_none(), "it can't be read");
    bench.read(4, b"b").await;
    let other = Readings::by_key(&bench.log, "densenet121-demo@2");
    assert!(other.find(&Sha256Digest::of(b"b")).await.is_none(), "another model read it");
    assert!(readings.find(&Sha256Digest::of(b"b")).await.is_some());
}

#[tokio::test]
async fn a_log_that_does_not_answer_is_not_waited_for() {
    let mut bench = TestLog::start().await;
    bench.read(1, b"a").await;
    let readings = Readings::by_key(&bench.log, READING_KEY);
    let known = readings.find(&content()).await.unwrap();
    let stored = samples::image_stored(2, "a", 3);
    bench.append(&stored).await;

    bench.nats.process().freeze();
    let begun = Instant::now();
    assert!(readings.find(&content()).await.is_none());
    assert!(readings.link(&stored, known).await.is_none());
    assert!(begun.elapsed() < UNBOUNDED, "{:?}", begun.elapsed());
    bench.nats.process().signal(Signal::SIGCONT);
    // What was on its way when the patience ended does no harm.
    assert!(
        tokio::time::timeout(LIMIT, bench.append(&samples::duplicate_linked(2, 1, "a", 9))).await.is_ok()
    );
}

#[tokio::test]
async fn a_model_that_cannot_be_used_leaves_the_door_without_readings() {
    let bench = TestLog::start().await;
    assert!(Readings::by_model(&bench.log, &bench.folder.path().join("none")).is_none());
    let folder = bench.folder.path().join("model");
    hilum_models::demo::write_demo(&folder).unwrap();
    assert!(Readings::by_model(&bench.log, &folder).is_some());
}
