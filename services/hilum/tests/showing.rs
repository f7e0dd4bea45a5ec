//! `hilum job` and `hilum study` as people and programs read them, in front of a small real HTTP service that answers like the
//! API, also as a newer release would.
#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use hilum_api::{DeliveryState, Job, JobStatus, Manifest, MaybeNewer, Missing, Study, TakenOut, samples};
use hilum_events::samples::job_id;
use hilum_events::{JobId, Measure, Sha256Digest};
use serde_json::{Value, json};
use tokio::process::Command;

/// What was announced of studies.
#[derive(Clone, Default)]
struct Api(Arc<Mutex<Vec<Manifest>>>);

/// Job 1 is completed, job 2 failed, and job 3 has a status that this release does not know.
fn job(id: JobId) -> Value {
    let failed = Job {
        job_id: job_id(2),
        status: JobStatus::Failed,
        reason: Some("torn".to_owned()),
        duplicate_of: Some(job_id(1)),
        ended_at: Some(samples::job().created_at + Duration::from_millis(1500)),
        study_ref: None,
        trace_id: None,
        ..samples::job()
    };
    let mut job = json!(if id == job_id(2) { failed } else { samples::job() });
    job["since"] = json!("2027");
    if id == job_id(3) {
        job["status"] = json!("PAUSED");
    }
    job
}

/// A study with two jobs on two pages, and one of everything that can hang on a study.
fn study() -> Study {
    let mut study = samples::study();
    let unread = study.flags[0].clone();
    study.flags[0].notice = Some("UNTRAINED".to_owned());
    study.flags.push(unread);
    (study.flags[1].measure, study.flags[1].value, study.flags[1].threshold) =
        (Measure::Probability, 1.0, 0.9);
    let mut given_up = study.deliveries[0].clone();
    (given_up.state, given_up.receipt) = (DeliveryState::Discarded, None);
    given_up.reason = Some("HTTP 403".to_owned());
    (given_up.resolved_by, given_up.resolved_why) = (Some("ada".to_owned()), Some("gone".to_owned()));
    study.deliveries.push(given_up);
    study.reports.push(study.reports[0].clone());
    study.reports[1].revision = 2;
    let later = MaybeNewer::Newer(json!({ "kind": "later", "a": 2 }));
    let known = [Missing::Beyond { most: 5 }, Missing::Outcome { job_id: job_id(2) }].map(MaybeNewer::Known);
    study.reports[1].missing = Some(known.into_iter().chain([later]).collect());
    study.taken_out = vec![TakenOut {
        job_id: job_id(4),
        taken_out_at: study.summary.created_at,
        taken_out_by: "ada".to_owned(),
        taken_out_why: "of somebody else".to_owned(),
    }];
    study
}

#[derive(serde::Deserialize)]
struct Page {
    after: Option<JobId>,
}

async fn study_page(Query(page): Query<Page>) -> Json<Value> {
    let next = page.after.is_none().then(|| job_id(1));
    let mut study = json!(Study { next, ..study() });
    study["jobs"] = json!([job(job_id(if page.after == Some(job_id(1)) { 2 } else { 1 }))]);
    Json(study)
}

async fn announced(State(api): State<Api>, Json(manifest): Json<Manifest>) -> (StatusCode, Json<Value>) {
    api.0.lock().unwrap().push(manifest);
    noted().await
}

async fn noted() -> (StatusCode, Json<Value>) {
    let mut noted = json!(samples::study_noted());
    noted["since"] = json!("2027");
    (StatusCode::ACCEPTED, Json(noted))
}

/// The service and its base URL.
async fn api() -> (Api, String) {
    let api = Api::default();
    let router = Router::new()
        .route("/v1/jobs/{id}", get(async |Path(id): Path<JobId>| Json(job(id))))
        .route("/v1/jobs/{id}/result", get(async || Json(samples::job_result())))
        .route("/v1/studies/{id}", get(study_page))
        .route("/v1/studies/{id}/close", post(noted))
        .route("/v1/studies/{id}/manifest", post(announced))
        .with_state(api.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    (api, base)
}

async fn hilum(base: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hilum"));
    command.args(arguments).env("HILUM_URL", base).output().await.unwrap()
}

/// The words of each line that was shown, without the lines between the cells of a table.
async fn shown(base: &str, arguments: &[&str]) -> Vec<String> {
    let output = hilum(base, arguments).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with(['┌', '╞', '└']));
    rows.map(|row| row.split(['│', '┆', ' ']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
        .collect()
}

async fn told(base: &str, arguments: &[&str]) -> Value {
    let output = hilum(base, arguments).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_job_is_shown_with_what_the_model_says() {
    let (_, base) = api().await;
    let (id, sample) = (job_id(1).to_string(), samples::job());
    let lines = shown(&base, &["job", &id]).await;
    let expected = [
        format!("job {id}"),
        "status COMPLETED".to_owned(),
        "site default".to_owned(),
        "study_ref S-1".to_owned(),
        format!("study_id {}", sample.study_id),
        "media_type application/dicom".to_owned(),
        "priority routine".to_owned(),
        format!("sha256 {}", sample.sha256),
        format!("trace_id {}", sample.trace_id.unwrap()),
        "created 2026-01-01T00:00:00Z".to_owned(),
        "took 2.00 s".to_owned(),
        "finding score (0.5 = operating point) probability logit".to_owned(),
        "Effusion 0.567 0.223 -1.250".to_owned(),
        "Mass - 0.029 -3.500".to_owned(),
        samples::job_result().notice().unwrap().to_owned(),
    ];
    assert_eq!(lines, expected);
    let told = told(&base, &["job", &id, "--json"]).await;
    assert_eq!(told["job"], job(job_id(1)), "with what only a newer release knows");
    assert_eq!(told["result"]["reading_id"], json!(samples::job_result().reading_id));
}

#[tokio::test]
async fn a_job_that_failed_is_shown_with_what_to_do() {
    let (_, base) = api().await;
    let (id, first) = (job_id(2).to_string(), job_id(1));
    let lines = shown(&base, &["job", &id]).await;
    let duplicate = format!("duplicate of {first}");
    let retry = format!("try again hilum job retry {id} --why '…'");
    assert_eq!(lines[8..], ["took 1.50 s", &duplicate, "reason torn", &retry]);
    let told = told(&base, &["job", &id, "--json"]).await;
    assert_eq!((&told["job"], &told["result"]), (&job(job_id(2)), &Value::Null));
}

#[tokio::test]
async fn a_word_that_only_a_newer_release_knows_is_named() {
    let (_, base) = api().await;
    let output = hilum(&base, &["job", &job_id(3).to_string()]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(said.contains("a newer release") && said.contains("PAUSED"), "{said}");
}

#[tokio::test]
async fn a_study_is_shown_with_all_that_hangs_on_it() {
    let (_, base) = api().await;
    let [one, two, four] = [1, 2, 4].map(|id| job_id(id).to_string());
    let (at, id) = ("2026-01-01T00:00:00Z", samples::study().summary.study_id);
    let expected = [
        format!("study_id {id}"),
        "study_ref S-1".to_owned(),
        "site default".to_owned(),
        format!("created_at {at}"),
        format!("last_image_at {at}"),
        "job status created duplicate of reason".to_owned(),
        format!("{one} COMPLETED {at} - -"),
        format!("{two} FAILED {at} {one} torn"),
        "taken out when by why".to_owned(),
        format!("{four} {at} ada of somebody else"),
        "flagged by when label measure value threshold".to_owned(),
        "effusion (UNTRAINED) 2026-01-01T00:00:03Z Effusion operating_point_score 0.75 0.5".to_owned(),
        "effusion 2026-01-01T00:00:03Z Effusion probability 1.0 0.9".to_owned(),
        "delivery of to state when what was said".to_owned(),
        "report-1 pacs delivered 2026-01-01T00:01:01Z HTTP 201".to_owned(),
        "report-1 pacs discarded 2026-01-01T00:01:01Z HTTP 403; discarded by ada: gone".to_owned(),
        "report issued cause read failed pending complete".to_owned(),
        "1 2026-01-01T00:01:00Z time_limit 1 0 0 false".to_owned(),
        "2 2026-01-01T00:01:00Z time_limit 1 0 0 false".to_owned(),
        "doubt: A picture names no patient.".to_owned(),
        "missing: images beyond the first 5".to_owned(),
        format!("missing: the outcome of job {two}"),
        r#"missing: {"a":2,"kind":"later"}"#.to_owned(),
    ];
    assert_eq!(shown(&base, &["study", "S-1"]).await, expected);
    let mut whole = json!(study());
    whole["jobs"] = json!([job(job_id(1)), job(job_id(2))]);
    assert_eq!(told(&base, &["study", "S-1", "--json"]).await, whole);
}

#[tokio::test]
async fn what_is_announced_of_a_study_is_what_was_typed() {
    let (api, base) = api().await;
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("a.png", "a"), ("b.png", "b"), ("c.png", "a")] {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let files = folder.path().to_str().unwrap();
    let noted = json!({ "study_id": samples::study_noted().study_id, "since": "2027" });
    for typed in [
        &["study", "close", "S-1", "--json"][..],
        &["study", "manifest", "S-1", files, "--json"],
        &["study", "manifest", "S-1", "--images", "7", "--sop-instance-uid", "1.2", "--json"],
    ] {
        assert_eq!(told(&base, typed).await, noted);
    }
    let uids = ["study", "manifest", "S-1", "--sop-instance-uid", "1.2", "--sop-instance-uid", "1.3"];
    let lines = shown(&base, &uids).await;
    assert_eq!(lines, ["study S-1 has 2 images; its report follows when they are there and read"]);
    let manifest = |images, sha256: &[&str], uids: &[&str]| Manifest {
        images,
        sha256: sha256.iter().map(|content| Sha256Digest::of(content.as_bytes())).collect(),
        sop_instance_uids: uids.iter().map(|uid| (*uid).to_owned()).collect(),
    };
    let expected =
        [manifest(2, &["a", "b"], &[]), manifest(7, &[], &["1.2"]), manifest(2, &[], &["1.2", "1.3"])];
    assert_eq!(*api.0.lock().unwrap(), expected);
}
