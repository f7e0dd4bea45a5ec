//! `hilum dlq …` and `hilum sweep` as an operator types them, in front of a small real HTTP service that answers
//! like the API, and beside a program that says how it was called.
#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

use std::collections::HashMap;
use std::process::Output;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hilum_api::{
    DeadLetter, DeadLetterList, DeadLetterStory, Decided, Decision, Job, JobStatus, LetterState, Problem,
    ProblemType, TakeOutDecided, samples,
};
use hilum_events::{JobId, samples as events};
use serde_json::{Value, json};
use tokio::process::Command;

/// Dead letters 1 to 5, newest first, two on a page whatever was asked for. 3 was redriven before by another
/// operator, 4 was discarded, 5 is refused once because too many come.
#[derive(Clone, Default)]
struct Api {
    asked: Arc<Mutex<Vec<String>>>,
    decided: Arc<Mutex<Vec<(u64, Value)>>>,
    busy: Arc<Mutex<u32>>,
    retried: Arc<Mutex<Vec<(String, Value)>>>,
    taken_out: Arc<Mutex<Vec<(JobId, Decision)>>>,
}

/// The id of a job as it stands in answers.
fn job(id: u64) -> String {
    events::job_id(id.into()).to_string()
}

fn letter(id: u64) -> DeadLetter {
    DeadLetter { id, job_id: Some(events::job_id(id.into())), ..samples::dead_letter() }
}

async fn list(State(api): State<Api>, Query(query): Query<HashMap<String, String>>) -> Json<DeadLetterList> {
    let mut said: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    said.sort();
    api.asked.lock().unwrap().push(said.join(" "));
    let after = query.get("after").map_or(6, |after| after.parse().unwrap());
    let limit: usize = query["limit"].parse().unwrap();
    let page: Vec<_> = (1..after).rev().take(limit.min(2)).map(letter).collect();
    let next = page.last().map(|letter| letter.id).filter(|id| *id != 1);
    Json(DeadLetterList { dead_letters: page, next, unreadable: 0 })
}

async fn show(Path(id): Path<u64>) -> Response {
    if id > 5 {
        return Problem::not_found("there is no such dead letter").into_response();
    }
    Json(DeadLetterStory { letter: letter(id), ..samples::dead_letter_story() }).into_response()
}

async fn decide(
    State(api): State<Api>,
    Path((id, word)): Path<(u64, String)>,
    Json(said): Json<Value>,
) -> Response {
    if id == 5 && std::mem::replace(&mut *api.busy.lock().unwrap(), 1) == 0 {
        let problem = Problem::new(ProblemType::TooManyDecisions, "later");
        return Problem { retry_after_s: Some(0), ..problem }.into_response();
    }
    if id == 4 || id > 5 {
        let detail = "it was discarded by eve; a decision is made once and stands";
        return Problem::new(ProblemType::AlreadyDecided, detail).into_response();
    }
    api.decided.lock().unwrap().push((id, said.clone()));
    let already = id == 3;
    let by = if already { "eve" } else { said["by"].as_str().unwrap() };
    let answer = Decided {
        id,
        job_id: Some(events::job_id(id.into())),
        state: if word == "redrive" { LetterState::Redriven } else { LetterState::Discarded },
        already,
        resolved_by: by.to_owned(),
        ..samples::decided()
    };
    (if already { StatusCode::OK } else { StatusCode::ACCEPTED }, Json(answer)).into_response()
}

/// Failed jobs 5 to 1, three on a page: 5 and 4 share a reading, 2 was given up. Each says something that only a newer release
/// knows.
async fn jobs(State(api): State<Api>, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let mut said: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    said.sort();
    api.asked.lock().unwrap().push(said.join(" "));
    let failed = |id: u64| {
        let job = Job {
            job_id: events::job_id(id.into()),
            status: JobStatus::Failed,
            reading_id: Some(events::reading_id(&id.min(4).to_string())),
            reason: Some("no".to_owned()),
            reason_code: Some(if id == 2 { "dead-lettered" } else { "unsupported" }.to_owned()),
            failed_by: Some(events::reader()),
            ..samples::job()
        };
        let mut job = json!(job);
        job["since"] = json!("2027");
        job
    };
    Json(match query.get("after") {
        None => json!({ "jobs": [failed(5), failed(4), failed(3)], "next": job(3) }),
        Some(_) => json!({ "jobs": [failed(2), failed(1)] }),
    })
}

/// Job 3 was decided about before, and there is no job 9.
async fn retry(State(api): State<Api>, Path(id): Path<String>, Json(said): Json<Value>) -> Response {
    if id == job(3) {
        let detail = "it was redriven by eve at 2026-01-02T00:00:00Z (mended)";
        return Problem::new(ProblemType::AlreadyDecided, detail).into_response();
    }
    if id == job(9) {
        return Problem::not_found("there is no such job").into_response();
    }
    let answer = samples::retried();
    api.retried.lock().unwrap().push((id, said));
    (StatusCode::ACCEPTED, Json(answer)).into_response()
}

/// The image of job 3 was taken out before, and there is no job 9.
async fn take_out(
    State(api): State<Api>,
    Path(id): Path<JobId>,
    Json(said): Json<Decision>,
) -> Result<Json<TakeOutDecided>, Problem> {
    if id == events::job_id(9) {
        return Err(Problem::not_found("there is no such job"));
    }
    let already = id == events::job_id(3);
    let by = if already { "eve" } else { &said.by }.to_owned();
    api.taken_out.lock().unwrap().push((id, said));
    Ok(Json(TakeOutDecided { job_id: id, already, taken_out_by: by, ..samples::take_out_decided() }))
}

/// Gives back what it was asked for as the report; there is a second revision and none of study `none`.
async fn report(
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let mut said: Vec<String> = query
        .iter()
        .filter(|(name, _)| *name != "wait")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    said.sort();
    api.asked.lock().unwrap().push(format!("{id} {}", said.join(" ")));
    if id == "none" {
        let problem = Problem::new(ProblemType::ReportNotIssued, "the report is not issued yet");
        return problem.into_response();
    }
    if query.get("revision").is_some_and(|revision| revision != "2") {
        return Problem::not_found("the report has no such revision; the latest is 2").into_response();
    }
    (
        [("content-type", "text/plain"), ("hilum-report-revision", "2")],
        format!("report as {}", query["format"]),
    )
        .into_response()
}

/// The service and its base URL.
async fn api() -> (Api, String) {
    let api = Api::default();
    let router = Router::new()
        .route("/v1/ops/dlq", get(list))
        .route("/v1/ops/dlq/{id}", get(show))
        .route("/v1/ops/dlq/{id}/{word}", post(decide))
        .route("/v1/jobs", get(jobs))
        .route("/v1/jobs/{id}/retry", post(retry))
        .route("/v1/jobs/{id}/take-out", post(take_out))
        .route("/v1/studies/{id}/report", get(report))
        .with_state(api.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    (api, base)
}

async fn hilum(base: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hilum"));
    command.args(arguments).env("HILUM_URL", base).env("USER", "ada").output().await.unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ids(values: &[Value]) -> Vec<u64> {
    values.iter().map(|value| value["id"].as_u64().unwrap()).collect()
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn dead_letters_are_listed_page_by_page_with_the_filters_that_were_typed() {
    let (api, base) = api().await;
    let filters = ["--service", "infer", "--reason", "cannot", "--since", "2026-01-01T00:00:00Z"];
    let typed = [&["dlq", "list", "--json", "--limit", "5"][..], &filters].concat();
    let output = hilum(&base, &typed).await;
    assert!(output.status.success(), "{}", words(&output.stderr));
    assert_eq!(ids(&lines(&output)), [5, 4, 3, 2, 1]);
    let asked = api.asked.lock().unwrap().clone();
    let common = "reason=cannot service=infer since=2026-01-01T00:00:00Z state=open";
    assert_eq!(
        asked,
        [
            format!("limit=5 {common}"),
            format!("after=4 limit=3 {common}"),
            format!("after=2 limit=1 {common}")
        ]
    );

    let table = hilum(&base, &["dlq", "list", "--limit", "2", "--status", "all"]).await;
    let text = words(&table.stdout);
    assert!(text.contains(&job(5)) && text.contains("cannot fetch") && !text.contains(&job(3)), "{text}");
    assert!(words(&table.stderr).contains("there are more"), "{}", words(&table.stderr));
}

#[tokio::test]
async fn a_story_is_told_for_people_and_for_programs() {
    let (_api, base) = api().await;
    let text = words(&hilum(&base, &["dlq", "show", "2"]).await.stdout);
    assert!(text.contains("try 1") && text.contains("because timed out"), "{text}");
    let told = lines(&hilum(&base, &["dlq", "show", "2", "--json"]).await);
    assert_eq!(told[0]["dead_letter"]["payload_size"], 512);
    let unknown = hilum(&base, &["dlq", "show", "99"]).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(words(&unknown.stderr).contains("there is no such dead letter"));
}

#[tokio::test]
async fn each_dead_letter_is_decided_once_and_a_refusal_is_an_exit_code() {
    let (api, base) = api().await;
    let typed = ["dlq", "redrive", "--all", "--why", "storage is back", "--rate", "50", "--json"];
    let output = hilum(&base, &typed).await;
    assert_eq!(output.status.code(), Some(1), "{}", words(&output.stderr));
    let told = lines(&output);
    assert_eq!(ids(&told), [5, 4, 3, 2, 1]);
    assert_eq!((&told[0]["state"], &told[2]["already"]), (&json!("redriven"), &json!(true)));
    assert_eq!(told[1]["status"], 409);
    assert!(told[1]["error"].as_str().unwrap().contains("discarded by eve"));
    let decided = api.decided.lock().unwrap().clone();
    assert_eq!(decided.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [5, 3, 2, 1]);
    assert_eq!(decided[0].1["why"], "storage is back");
    assert!(decided[0].1["by"].as_str().unwrap().starts_with("ada"), "{}", decided[0].1);

    let typed = ["dlq", "discard", "--id", "1", "--id", "3", "--why", "tests", "--by", "bob"];
    let output = hilum(&base, &typed).await;
    assert_eq!(output.status.code(), Some(0), "{}", words(&output.stderr));
    let text = words(&output.stdout);
    assert!(text.contains(&format!("1  job {}  discarded", job(1))), "{text}");
    assert!(text.contains(&format!("3  job {}  was discarded before, by eve", job(3))), "{text}");
    assert!(text.contains("1 discarded, 1 discarded before, 0 failed"), "{text}");
}

#[tokio::test]
async fn a_rehearsal_decides_nothing() {
    let (api, base) = api().await;
    let output = hilum(&base, &["dlq", "redrive", "--service", "infer", "--dry-run", "--json"]).await;
    assert!(output.status.success(), "{}", words(&output.stderr));
    let told = lines(&output);
    assert_eq!((ids(&told), &told[0]["would"]), (vec![5, 4, 3, 2, 1], &json!("redrive")));
    let output = hilum(&base, &["dlq", "discard", "--id", "2", "--dry-run"]).await;
    assert!(words(&output.stdout).contains("1 would be discarded; nothing was done"));
    assert!(api.decided.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_not_said_is_asked_for_and_nothing_is_decided() {
    let (api, base) = api().await;
    for (typed, hint) in [
        (&["dlq", "redrive", "--why", "because"][..], "or --all"),
        (&["dlq", "discard", "--all"], "--why"),
        (&["dlq", "discard", "--all", "--why", " "], "say why"),
        (&["dlq", "redrive", "--id", "1", "--service", "infer", "--why", "x"], "cannot be used with"),
        (&["dlq", "redrive", "--all", "--why", "x", "--rate", "51"], "51"),
        (&["dlq", "list", "--since", "yesterday"], "a moment is written as"),
    ] {
        let output = hilum(&base, typed).await;
        let said = words(&output.stderr);
        assert!(!output.status.success() && said.contains(hint), "{typed:?}: {said}");
    }
    assert!(api.decided.lock().unwrap().is_empty());
}

#[tokio::test]
async fn decisions_keep_the_pace_that_was_asked_for() {
    let (_api, base) = api().await;
    let begun = std::time::Instant::now();
    let typed = ["dlq", "discard", "--id", "1", "--id", "2", "--id", "3", "--why", "x", "--rate", "4"];
    assert!(hilum(&base, &typed).await.status.success());
    assert!(begun.elapsed().as_millis() >= 500, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn failed_jobs_are_tried_again_one_for_each_reading_and_what_was_given_up_is_left_to_dlq() {
    let (api, base) = api().await;
    let filters = ["--reason", "unsupported", "--before-release", "0.2.0"];
    let typed = [&["job", "retry", "--dry-run", "--json"][..], &filters].concat();
    let told = lines(&hilum(&base, &typed).await);
    let would: Vec<_> = told.iter().map(|line| line["job_id"].as_str().unwrap()).collect();
    assert_eq!(would, [job(5), job(3), job(1)]);
    assert_eq!((&told[0]["would"], &told[0]["since"]), (&json!("retry"), &json!("2027")));
    assert!(api.retried.lock().unwrap().is_empty());
    let common = "failed_before_release=0.2.0 limit=500 reason=unsupported status=FAILED";
    let asked = api.asked.lock().unwrap().clone();
    assert_eq!(asked, [common.to_owned(), format!("after={} {common}", job(3))]);
    let table = words(&hilum(&base, &["job", "retry", "--dry-run", "--all"]).await.stdout);
    let release = events::reader().release;
    assert!(table.contains(&job(5)) && table.contains(&release) && table.contains("unsupported"), "{table}");

    let typed = [&["job", "retry", "--why", "the decoder was mended", "--rate", "50"][..], &filters].concat();
    let output = hilum(&base, &typed).await;
    let text = words(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains(&format!("{}  redriven", job(5))), "{text}");
    assert!(text.contains(&format!("{}  already: it was redriven by eve", job(3))), "{text}");
    assert!(text.contains("2 redriven, 1 decided before, 0 failed"), "{text}");
    let retried = api.retried.lock().unwrap().clone();
    assert_eq!(retried.iter().map(|(id, _)| id).collect::<Vec<_>>(), [&job(5), &job(1)]);
    assert_eq!(retried[0].1["why"], "the decoder was mended");
}

#[tokio::test]
async fn jobs_that_are_named_are_tried_again_whatever_they_are() {
    let (api, base) = api().await;
    let typed = ["job", "retry", &job(2), &job(9), "--why", "x", "--by", "bob"];
    let output = hilum(&base, &typed).await;
    let text = words(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains(&format!("{}  redriven", job(2))), "{text}");
    assert!(text.contains(&format!("{}  failed: there is no such job", job(9))), "{text}");
    let typed = ["job", "retry", "2", "--dry-run", "--json"];
    assert_eq!(lines(&hilum(&base, &typed).await), [json!({ "job_id": "2", "would": "retry" })]);
    assert_eq!(api.retried.lock().unwrap().len(), 1);
    for (typed, hint) in [
        (&["job", "retry", "--why", "x"][..], "or --all"),
        (&["job", "retry", "job-1"], "--why"),
        (&["job", "retry", "job-1", "--all", "--why", "x"], "cannot be used with"),
        (&["job"], "required"),
    ] {
        let output = hilum(&base, typed).await;
        let said = words(&output.stderr);
        assert!(!output.status.success() && said.contains(hint), "{typed:?}: {said}");
    }
}

#[tokio::test]
async fn images_are_taken_out_one_by_one_and_a_refusal_is_an_exit_code() {
    let (api, base) = api().await;
    let dry = hilum(&base, &["job", "take-out", &job(1), "--dry-run", "--json"]).await;
    assert_eq!(lines(&dry), [json!({ "job_id": job(1), "would": "take out" })]);
    let without_why = hilum(&base, &["job", "take-out", &job(1)]).await;
    assert!(words(&without_why.stderr).contains("--why"));
    assert!(api.taken_out.lock().unwrap().is_empty());

    let typed = ["job", "take-out", &job(1), &job(3), "--why", "of somebody else", "--by", "bob"];
    let output = hilum(&base, &typed).await;
    let (text, study) = (words(&output.stdout), events::study_id());
    assert!(output.status.success(), "{text}{}", words(&output.stderr));
    assert!(text.contains(&format!("{}  taken out, study {study}", job(1))), "{text}");
    assert!(text.contains(&format!("{}  was taken out before, study {study}", job(3))), "{text}");
    assert!(text.contains("1 taken out, 1 were before, 0 failed"), "{text}");
    let said = Decision { by: "bob".to_owned(), why: "of somebody else".to_owned() };
    let asked = [1, 3].map(|id| (events::job_id(id), said.clone()));
    assert_eq!(*api.taken_out.lock().unwrap(), asked);

    let typed = ["job", "take-out", &job(1), &job(9), "--why", "x", "--by", "bob", "--json"];
    let output = hilum(&base, &typed).await;
    assert_eq!(output.status.code(), Some(1));
    let told = lines(&output);
    assert_eq!((&told[0]["taken_out_by"], &told[0]["already"]), (&json!("bob"), &json!(false)));
    let refused = json!({ "job_id": job(9), "error": "there is no such job", "status": 404 });
    assert_eq!(told[1], refused);
}

#[tokio::test]
async fn a_report_is_written_in_the_form_that_was_typed_or_that_the_file_stands_for() {
    let (api, base) = api().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("S-1.fhir.json");
    let file_name = file.to_str().unwrap();
    let typed = ["report", "S-1", "-o", file_name, "--revision", "2", "--site", "north", "--json"];
    let output = hilum(&base, &typed).await;
    assert!(output.status.success(), "{}", words(&output.stderr));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "report as fhir");
    let written = json!({
        "event": "written", "file": file_name, "format": "fhir", "media_type": "text/plain", "revision": 2, "size_bytes": 14,
    });
    assert_eq!(lines(&output), [written]);
    for typed in [&["report", "S-1", "--as", "hl7"][..], &["report", "S-1", "--as", "hl7", "-o", "-"]] {
        assert_eq!(words(&hilum(&base, typed).await.stdout), "report as hl7");
    }
    let sheets = folder.path().join("S-1.pdf");
    let in_korean = hilum(&base, &["report", "S-1", "-o", sheets.to_str().unwrap(), "--lang", "ko"]).await;
    assert!(words(&in_korean.stdout).contains(sheets.to_str().unwrap()), "{}", words(&in_korean.stderr));
    let asked = api.asked.lock().unwrap().clone();
    let hl7 = "S-1 format=hl7";
    assert_eq!(asked, ["S-1 format=fhir revision=2 site=north", hl7, hl7, "S-1 format=pdf lang=ko"]);

    for (typed, hint) in [
        (&["report", "S-1"][..], "--as html|pdf|json|fhir|hl7"),
        (&["report", "S-1", "-o", "report.txt"], "--as html|pdf|json|fhir|hl7"),
        (&["report", "S-1", "--as", "fhir", "--json"], "say where to write it: -o FILE"),
        (&["report", "S-1", "--as", "pdf"], "pdf is no text for the standard output; say where to write it"),
        (&["report", "S-1", "--as", "html", "--lang", "fr"], "possible values: en, ko"),
        (&["report", "S-1", "--as", "doc"], "possible values: html, pdf, json, fhir, hl7"),
        (&["report", "S-1", "--as", "json", "--revision", "3"], "the latest is 2"),
        (&["report", "S-1", "--as", "json", "--revision", "0"], "0"),
        (&["report", "none", "--as", "json", "--wait", "0s"], "is not there after 0 s"),
        (
            &["report", "S-1", "--as", "json", "-o", "/nowhere/at/all.json"],
            "cannot write /nowhere/at/all.json",
        ),
    ] {
        let output = hilum(&base, typed).await;
        let said = words(&output.stderr);
        assert!(!output.status.success() && said.contains(hint), "{typed:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test]
async fn a_sweep_is_the_program_beside_this_one_with_the_settings_of_the_stack() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("hilum");
    // A program that this process has open for writing can't be run, so another process writes it.
    let shell = async |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-ec", script]).env("PROGRAM", env!("CARGO_BIN_EXE_hilum")).current_dir(folder.path());
        assert!(command.status().await.unwrap().success());
    };
    shell("cp \"$PROGRAM\" hilum").await;
    let typed =
        ["sweep", "--dry-run", "--json", "--nats-url", "nats://there:4222", "--store-url", "s3://images"];
    let missing = Command::new(&program).args(typed).output().await.unwrap();
    assert!(words(&missing.stderr).contains("hilum-sweep is missing"), "{}", words(&missing.stderr));

    let script = r#"printf '#!/bin/sh\necho "$@ $HILUM_NATS_URL $HILUM_STORE_URL"\nexit 3\n' > hilum-sweep"#;
    shell(&format!("{script} && chmod 755 hilum-sweep")).await;
    let output = Command::new(&program).args(typed).output().await.unwrap();
    assert_eq!(words(&output.stdout), "--once --dry-run --json nats://there:4222 s3://images\n");
    assert_eq!(output.status.code(), Some(3));

    let without_stack = Command::new(&program).args(["sweep", "--state"]).arg(folder.path()).output();
    let said = words(&without_stack.await.unwrap().stderr);
    assert!(said.contains("no stack runs in"), "{said}");
}
