//! Content that was read before: the door answers it at once, and the log tells it once.

use std::path::PathBuf;

use hilum_events::{DuplicateLinked, Envelope, Event, JobId};
use hilum_tests::{Stack, StackOptions, Upload};
use nix::sys::signal::Signal;
use reqwest::StatusCode;
use serde_json::Value;

const IMAGE: &str = "mhh_19073f37.png";

fn image() -> Upload {
    Upload::sample(IMAGE)
}

/// Sends an upload that must be accepted; the whole answer.
async fn answer(stack: &Stack, upload: Upload) -> Value {
    let (status, answer) = stack.post(upload).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    answer
}

fn job_of(answer: &Value) -> &str {
    answer["job_id"].as_str().unwrap()
}

/// The answer is the outcome: of the job `first`, with its findings.
fn is_answered(answer: &Value, first: &Value) {
    assert_eq!(answer["status"], "COMPLETED", "{answer}");
    assert_eq!(answer["duplicate_of"], first["job_id"], "{answer}");
    assert_ne!(answer["job_id"], first["job_id"]);
    assert_eq!(answer["result"]["findings"], first["findings"]);
    assert_eq!(answer["result"]["reading_id"], first["reading_id"]);
}

fn is_queued(answer: &Value) {
    assert_eq!(answer["status"], "QUEUED", "{answer}");
    assert_eq!((answer.get("duplicate_of"), answer.get("result")), (None, None));
}

/// Who asks at once is told the same, however far the tables are behind.
async fn is_told_the_same(stack: &Stack, answer: &Value) {
    let (status, job) = stack.get(&format!("/v1/jobs/{}", job_of(answer))).await;
    assert_eq!(status, StatusCode::OK, "{job}");
    assert_eq!(job["status"], "COMPLETED", "{job}");
    assert_eq!(job["duplicate_of"], answer["duplicate_of"], "{job}");
    let (status, result) = stack.get(&format!("/v1/jobs/{}/result", job_of(answer))).await;
    assert_eq!(status, StatusCode::OK, "{result}");
    assert_eq!(result, answer["result"]);
}

/// The only link of a job, and the fact that it follows from.
async fn link_of(stack: &Stack, answer: &Value) -> (Envelope, DuplicateLinked, Envelope) {
    let job_id: JobId = job_of(answer).parse().unwrap();
    let mut links = Vec::new();
    let mut stored = None;
    for envelope in stack.events().await {
        match &envelope.event {
            Event::DuplicateLinked(link) if link.job_id == job_id => {
                links.push((envelope.clone(), link.clone()))
            }
            Event::ImageStored(image) if image.job_id == job_id => stored = Some(envelope),
            _ => {}
        }
    }
    assert_eq!(links.len(), 1, "{links:?}");
    let (envelope, link) = links.remove(0);
    (envelope, link, stored.unwrap())
}

#[tokio::test]
async fn content_that_was_read_before_is_answered_at_once_and_told_the_same_to_whoever_asks() {
    let stack = Stack::start(StackOptions::default()).await;
    let unknown = answer(&stack, image()).await;
    is_queued(&unknown);
    let first = stack.result(job_of(&unknown)).await;
    for _ in 0..10 {
        let known = answer(&stack, image().with("study", "S-1")).await;
        is_answered(&known, &first);
        is_told_the_same(&stack, &known).await;
    }
    stack.assert_settled().await;
    assert_eq!(stack.count("duplicate-linked").await, 10);
    assert_eq!(stack.count("inference-requested").await, 1);
    let report = stack.report("S-1", 1).await;
    assert_eq!(report["images"][0]["duplicate_of"], first["job_id"]);
}

#[tokio::test]
async fn a_link_of_the_door_stands_once_when_dedupe_comes_later() {
    let mut stack = Stack::start(StackOptions::default()).await;
    let first = answer(&stack, image()).await;
    let first = stack.result(job_of(&first)).await;
    stack.end("dedupe", Signal::SIGTERM).await;
    let known = answer(&stack, image().with("priority", "stat")).await;
    is_answered(&known, &first);
    is_told_the_same(&stack, &known).await;
    let before = link_of(&stack, &known).await;

    stack.start_again("dedupe").await;
    stack.assert_settled().await;
    let (envelope, link, stored) = link_of(&stack, &known).await;
    assert_eq!((&envelope, &link, &stored), (&before.0, &before.1, &before.2));
    let by_dedupe = stored.next(envelope.occurred_at, Event::DuplicateLinked(link.clone()));
    assert_eq!(envelope, by_dedupe);
    assert_eq!(Value::from(link.primary_job_id.to_string()), first["job_id"]);
    assert_eq!(stack.count("duplicate-linked").await, 1);
    assert_eq!(stack.count("inference-requested").await, 1);
}

#[tokio::test]
async fn a_failed_reading_and_one_by_another_model_are_left_to_dedupe() {
    let mut stack = Stack::start(StackOptions::default()).await;
    let broken = || Upload::sample("broken_data_stream.png");
    let failed = answer(&stack, broken()).await;
    assert_eq!(stack.ended(job_of(&failed)).await["status"], "FAILED");
    let again = answer(&stack, broken()).await;
    is_queued(&again);
    let job = stack.ended(job_of(&again)).await;
    assert_eq!((&job["status"], &job["duplicate_of"]), (&Value::from("FAILED"), &failed["job_id"]));

    let first = answer(&stack, image()).await;
    stack.result(job_of(&first)).await;
    let other = another_model(&stack);
    for folder in [other, stack.folder().join("no model")] {
        stack.end("ingest", Signal::SIGTERM).await;
        stack.start_again_with("ingest", &[("HILUM_MODEL", folder.display().to_string())]).await;
        stack.wait_ready_one("ingest").await;
        let left = answer(&stack, image()).await;
        is_queued(&left);
        assert_eq!(stack.result(job_of(&left)).await["duplicate_of"], first["job_id"]);
    }
    stack.assert_settled().await;
}

/// The stack's model under another version.
fn another_model(stack: &Stack) -> PathBuf {
    let folder = stack.folder().join("another-model");
    let model = hilum_models::demo::write_demo(&folder).unwrap();
    let path = folder.join(hilum_models::MANIFEST_FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    let version = |version: &str| format!("version = {version:?}");
    let this = version(&model.identity().version);
    assert!(text.contains(&this), "{text}");
    std::fs::write(&path, text.replacen(&this, &version("next"), 1)).unwrap();
    folder
}
