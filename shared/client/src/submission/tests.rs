//! A submission to a small real HTTP service.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::Path;
use axum::routing::{get, post};
use axum::{Json, Router};
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

fn reading(job_id: &str) -> Value {
    json!({ "job_id": job_id, "top_label": "Mass", "duplicate_of": "first", "model": { "trained": true },
            "findings": [{ "label": "Mass", "logit": 0, "probability": 0.5, "operating_point_score": 0.5 }] })
}

/// A service that answers each upload with `accepted` and each question with a completed job.
async fn service_that_answers(accepted: Value) -> (Client, Asked) {
    let asked = Asked::default();
    let counted = asked.clone();
    let job = get(async move |Path(id): Path<String>| {
        counted.0.fetch_add(1, Ordering::SeqCst);
        Json(json!({ "job_id": id, "status": "COMPLETED", "duplicate_of": "first" }))
    });
    let router = Router::new()
        .route("/v1/jobs", post(async move |_: axum::body::Bytes| Json(accepted)))
        .route("/v1/jobs/{id}", job)
        .route("/v1/jobs/{id}/result", get(async |Path(id): Path<String>| Json(reading(&id))));
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
    let accepted = json!({ "job_id": "again", "status": "COMPLETED", "sha256": "00", "duplicate_of": "first",
                           "result": reading("again") });
    let (client, asked) = service_that_answers(accepted).await;
    for wait in [None, Some(Duration::from_secs(60))] {
        let line = submitted(&client, wait).await;
        assert_eq!((&line["job_id"], &line["status"]), (&json!("again"), &json!("COMPLETED")));
        assert_eq!((&line["duplicate_of"], &line["sha256"]), (&json!("first"), &json!("00")));
        assert_eq!(line["findings"][0]["label"], "Mass");
    }
    assert_eq!(asked.count(), 0);
}

#[tokio::test]
async fn a_file_whose_name_is_no_text_is_sent_like_any_other() {
    let (client, _) = service_that_answers(json!({ "job_id": "new", "status": "QUEUED" })).await;
    for name in [&b"\xff.png"[..], b"M\xfcller.dcm", b"\xed\xa0\x80"] {
        let line = submitted_as(&client, None, OsStr::from_bytes(name)).await;
        assert_eq!(line["status"], "QUEUED");
        assert!(line["file"].as_str().unwrap().contains('\u{fffd}'), "{line}");
    }
}

#[tokio::test]
async fn what_is_queued_is_followed_to_its_outcome_when_it_is_waited_for() {
    let (client, asked) = service_that_answers(json!({ "job_id": "new", "status": "QUEUED" })).await;
    let line = submitted(&client, None).await;
    assert_eq!((&line["status"], line.get("findings"), asked.count()), (&json!("QUEUED"), None, 0));
    let line = submitted(&client, Some(Duration::from_secs(60))).await;
    assert_eq!((&line["status"], &line["findings"][0]["label"]), (&json!("COMPLETED"), &json!("Mass")));
    assert_eq!(asked.count(), 1);
}
