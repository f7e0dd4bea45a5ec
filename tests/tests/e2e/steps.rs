//! Steps that several of these tests take: uploads by any door, operators' calls, looking at what services say.

use std::time::{Duration, Instant};

use hilum_events::Event;
use hilum_servers::wait_until;
use hilum_tests::{Http, LIMIT, Stack, Upload, sample};
use reqwest::multipart::{Form, Part};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

/// The picture of a PNG or JPEG sample in a file that is another content: bytes after its end change nothing.
pub(crate) fn another(name: &str, mark: impl std::fmt::Display) -> Vec<u8> {
    let mut bytes = std::fs::read(sample(name)).unwrap();
    bytes.extend_from_slice(mark.to_string().as_bytes());
    bytes
}

/// Another content, in a study.
pub(crate) fn upload(name: &str, mark: impl std::fmt::Display, study: &str) -> Upload {
    Upload::bytes(&another(name, mark)).with("study", study)
}

/// Sends an image to the door at `url`; the answer, whatever it is.
pub(crate) async fn send_to(url: &str, bytes: &[u8], study: &str) -> Result<Response, reqwest::Error> {
    let part = Part::bytes(bytes.to_vec()).file_name("image");
    let form = Form::new().text("study", study.to_owned()).part("image", part);
    Http::default().post(format!("{url}/v1/jobs")).multipart(form).send().await
}

/// Sends one content so many times at once, by turns to all doors and in turn into `studies`; the job ids.
pub(crate) async fn send_at_once(stack: &Stack, bytes: &[u8], times: usize, studies: &[&str]) -> Vec<String> {
    let doors: Vec<_> = stack.copies_of("ingest").iter().map(|door| stack.url_of(door)).collect();
    let sending = (0..times).map(|turn| {
        let (door, study) = (&doors[turn % doors.len()], studies[turn % studies.len()]);
        async move {
            let answer = send_to(door, bytes, study).await.unwrap();
            assert_eq!(answer.status(), StatusCode::ACCEPTED);
            let answer: Value = answer.json().await.unwrap();
            answer["job_id"].as_str().unwrap().to_owned()
        }
    });
    futures::future::join_all(sending).await
}

/// What is said of a job now.
pub(crate) async fn job(stack: &Stack, id: &str) -> Value {
    stack.get(&format!("/v1/jobs/{id}")).await.1
}

/// Waits until all jobs are said to be in `status`.
pub(crate) async fn all_become(stack: &Stack, jobs: &[String], status: &str) {
    for id in jobs {
        let there = wait_until(LIMIT, || async { job(stack, id).await["status"] == status }).await;
        assert!(there, "not {status}: {}", job(stack, id).await);
    }
}

/// Waits until the log has so many facts of this name.
pub(crate) async fn has_facts(stack: &Stack, name: &str, count: usize) {
    let there = wait_until(LIMIT, || async { stack.count(name).await >= count }).await;
    assert!(there, "{} of {count} {name}", stack.count(name).await);
}

/// Each reading was made once: as many results as readings that were asked for.
pub(crate) async fn each_reading_was_made_once(stack: &Stack, readings: usize) {
    let mut made = Vec::new();
    for envelope in stack.events().await {
        if let Event::InferenceCompleted(completed) = envelope.event {
            made.push(completed.reading_id);
        }
    }
    assert_eq!(made.len(), readings);
    made.sort_unstable();
    made.dedup();
    assert_eq!(made.len(), readings);
}

/// The dead letters in a state, newest first.
pub(crate) async fn dead_letters(stack: &Stack, state: &str) -> Vec<Value> {
    let (status, page) = stack.get(&format!("/v1/ops/dlq?state={state}")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page["dead_letters"].as_array().unwrap().clone()
}

/// An operator's decision about a dead letter.
pub(crate) async fn decide(stack: &Stack, id: &Value, what: &str, why: &str) -> (StatusCode, Value) {
    let url = format!("{}/v1/ops/dlq/{id}/{what}", stack.query_url());
    let said = json!({ "by": "ops@test", "why": why });
    let answer = stack.http.post(url).json(&said).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// What a service says of its readiness; `None` when it does not run.
pub(crate) async fn readiness(stack: &Stack, service: &str) -> Option<(StatusCode, String)> {
    let answer = stack.http.get(format!("{}/readyz", stack.url_of(service))).send().await.ok()?;
    Some((answer.status(), answer.text().await.ok()?))
}

/// Whether a service is ready.
pub(crate) async fn is_ready(stack: &Stack, service: &str) -> bool {
    readiness(stack, service).await.is_some_and(|(status, _)| status == StatusCode::OK)
}

/// Starts an ended service, and again whenever it has ended, as a supervisor does, until `done`; how often that
/// was.
pub(crate) async fn kept_up(stack: &mut Stack, service: &str, done: impl AsyncFn(&Stack) -> bool) -> usize {
    let deadline = Instant::now() + LIMIT;
    let mut beats = tokio::time::interval(Duration::from_millis(100));
    let mut starts = 0;
    loop {
        beats.tick().await;
        if done(stack).await {
            return starts;
        }
        assert!(Instant::now() < deadline, "after {starts} starts:\n{}", stack.log_of(service));
        if readiness(stack, service).await.is_none() {
            stack.start_again(service).await;
            starts += 1;
            // It may have ended again before it was seen.
            let up = || async { readiness(stack, service).await.is_some() };
            wait_until(Duration::from_secs(5), up).await;
        }
    }
}
