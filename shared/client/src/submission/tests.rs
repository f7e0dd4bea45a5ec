//! A submission to a small real HTTP service.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
use hilum_api::{Accepted, Job, JobResult, samples};
use hilum_events::samples::job_id;
use hilum_events::{Finding, JobId};
use serde_json::{Value, json};

use super::*;

/// How often a job was asked for.
#[derive(Clone, Default)]
struct Asked(Arc<AtomicUsize>);

impl Asked {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// An upload of content that nobody sent before.
fn new() -> Accepted {
    Accepted { status: JobStatus::Queued, duplicate_of: None, result: None, ..samples::accepted() }
}

/// A service that answers each upload with `accepted` and each question with a completed job.
async fn service_that_answers(accepted: Accepted) -> (Client, Asked) {
    let asked = Asked::default();
    let counted = asked.clone();
    let job = get(async move |Path(id): Path<JobId>| {
        counted.0.fetch_add(1, Ordering::SeqCst);
        Json(Job { job_id: id, duplicate_of: Some(job_id(1)), ..samples::job() })
    });
    let reading = get(async |Path(id): Path<JobId>| Json(JobResult { job_id: id, ..samples::job_result() }));
    let router = Router::new()
        .route("/v1/jobs", post(async move |_: axum::body::Bytes| Json(accepted)))
        .route("/v1/jobs/{id}", job)
        .route("/v1/jobs/{id}/result", reading);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async { axum::serve(listener, router).await });
    (client, asked)
}

async fn submitted(client: &Client, wait: Option<Duration>) -> Value {
    submitted_as(client, wait, OsStr::new("image.png")).await
}

async fn submitted_as(client: &Client, wait: Option<Duration>, name: &OsStr) -> Value {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), b"an image").unwrap();
    let plan = Plan { tags: Tags::default(), uploads_at_once: 1, wait };
    let files = files_in(&[folder.path().to_owned()]).unwrap();
    let steps = std::sync::Mutex::new(Vec::new());
    let sent = submit(client, files, &plan, &|step| steps.lock().unwrap().push(step)).await;
    let (mut expected, read) =
        (vec![Step::Sending(1), Step::One, Step::All], [Step::Reading(1), Step::One, Step::All]);
    expected.extend(wait.iter().flat_map(|_| read));
    assert_eq!(steps.into_inner().unwrap(), expected);
    assert!(sent[0].outcome.is_good());
    sent[0].to_json()
}

#[tokio::test]
async fn content_that_was_read_before_has_its_outcome_with_the_answer_and_nobody_is_asked() {
    let accepted = samples::accepted();
    let (client, asked) = service_that_answers(accepted.clone()).await;
    for wait in [None, Some(Duration::from_secs(60))] {
        let line = submitted(&client, wait).await;
        assert_eq!((&line["job_id"], &line["status"]), (&json!(accepted.job_id), &json!("COMPLETED")));
        assert_eq!(line["duplicate_of"], json!(accepted.duplicate_of));
        assert_eq!(line["sha256"], json!(accepted.sha256));
        assert_reading(&line);
    }
    assert_eq!(asked.count(), 0);
}

/// The reading stands beside what is known of the job, without its maps and with what is to be known before it is believed.
fn assert_reading(line: &Value) {
    let reading = samples::job_result();
    let findings: Vec<Finding> = serde_json::from_value(line["findings"].clone()).unwrap();
    assert_eq!(findings, reading.findings);
    assert_eq!(line["notice"], json!(reading.notice()));
    assert_eq!((line.get("activation_maps"), line.get("result")), (None, None));
}

#[tokio::test]
async fn a_file_whose_name_is_no_text_is_sent_like_any_other() {
    let (client, _) = service_that_answers(new()).await;
    for name in [&b"\xff.png"[..], b"M\xfcller.dcm", b"\xed\xa0\x80"] {
        let line = submitted_as(&client, None, OsStr::from_bytes(name)).await;
        assert_eq!(line["status"], "QUEUED");
        assert!(line["file"].as_str().unwrap().contains('\u{fffd}'), "{line}");
    }
}

#[tokio::test]
async fn what_is_queued_is_followed_to_its_outcome_when_it_is_waited_for() {
    let (client, asked) = service_that_answers(new()).await;
    let line = submitted(&client, None).await;
    assert_eq!((&line["status"], line.get("findings"), asked.count()), (&json!("QUEUED"), None, 0));
    let line = submitted(&client, Some(Duration::from_secs(60))).await;
    assert_eq!(line["status"], "COMPLETED");
    assert_reading(&line);
    assert_eq!(asked.count(), 1);
}
