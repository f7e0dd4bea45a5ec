//! The client against a small real HTTP service.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Multipart, Path, Query};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum::{Json, Router};
use hilum_api::{Accepted, Job, JobStatus, Study, samples};
use hilum_events::samples::job_id;
use hilum_events::{JobId, Priority};
use hilum_runtime::with_causes;
use serde_json::json;

use super::*;
use crate::{Tags, Upload};

async fn client_of(router: Router) -> Client {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    Client::new(&base).unwrap()
}

fn busy() -> Problem {
    Problem { retry_after_s: Some(0), ..Problem::unavailable("busy") }
}

#[tokio::test]
async fn an_upload_sends_its_tags_first_and_keeps_the_file_name_to_itself() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("DOE^JANE.png");
    std::fs::write(&file, vec![7; 300_000]).unwrap();
    let taken = Arc::new(Mutex::new(String::new()));
    let noted = taken.clone();
    let take = post(async move |mut form: Multipart| {
        let mut seen = Vec::new();
        while let Some(field) = form.next_field().await.unwrap() {
            let name = format!("{} {:?}", field.name().unwrap(), field.file_name());
            seen.push(format!("{name} {}", field.bytes().await.unwrap().len()));
        }
        *noted.lock().unwrap() = seen.join("; ");
        Json(Accepted { status: JobStatus::Queued, result: None, ..samples::accepted() })
    });
    let client = client_of(Router::new().route("/v1/jobs", take)).await;
    let tags = Tags {
        site: Some("north".into()),
        study: Some("A-1".into()),
        priority: Some(Priority::Stat),
        expected_images: Some(12),
        prior_study: Some("A-0".into()),
    };
    let accepted = client.upload(Upload { file: &file, tags: &tags }).await.unwrap();
    assert_eq!((accepted.job_id, accepted.status), (samples::accepted().job_id, JobStatus::Queued));
    assert_eq!(
        *taken.lock().unwrap(),
        r#"site None 5; study None 3; priority None 4; expected_images None 2; prior_study None 3; image Some("image") 300000"#
    );
}

#[tokio::test]
async fn a_request_is_sent_again_while_the_stack_is_away_for_the_moment() {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = asked.clone();
    let answer = get(async move |Path(id): Path<String>, Query(query): Query<Vec<(String, String)>>| {
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            return busy().into_response();
        }
        let mut job = json!(samples::job_with_history());
        (job["asked"], job["query"]) = (json!(id), json!(query));
        Json(job).into_response()
    });
    let client = client_of(Router::new().route("/v1/jobs/{id}", answer)).await;
    let job = client.job("a/b", Some(Duration::from_secs(3))).await.unwrap();
    assert_eq!((job.job_id, job.status), (samples::job().job_id, JobStatus::Completed));
    let job = json!(job);
    assert_eq!((&job["asked"], &job["query"]), (&json!("a/b"), &json!([["wait", "3000ms"]])));
    assert_eq!(job["history"], json!(samples::job_with_history().history));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_refusal_is_told_in_the_words_of_the_service() {
    let answer = get(async || Problem::not_found("no such study; check the site").into_response());
    let client = client_of(Router::new().route("/v1/studies/{id}", answer)).await;
    let error = client.study("S", None).await.unwrap_err();
    assert_eq!(error.to_string(), "no such study; check the site (404)");
}

#[tokio::test]
async fn a_study_is_shown_with_the_jobs_of_all_pages() {
    let jobs = |ids: &[u128]| ids.iter().map(|id| Job { job_id: job_id(*id), ..samples::job() }).collect();
    let page = move |ids: &[u128], next: Option<u128>| {
        let page = Study { jobs: jobs(ids), next: next.map(job_id), ..samples::study() };
        let mut page = json!(page);
        page["jobs"][0]["since"] = json!("2027");
        page
    };
    let answer = get(async move |Query(query): Query<HashMap<String, String>>| {
        assert_eq!(query["site"], "north");
        let after: Option<JobId> = query.get("after").map(|after| after.parse().unwrap());
        Json(match after {
            None => page(&[1, 2], Some(2)),
            Some(after) if after == job_id(2) => page(&[3, 4], Some(4)),
            Some(_) => page(&[5], None),
        })
    });
    let client = client_of(Router::new().route("/v1/studies/{id}", answer)).await;
    let study = client.study("S", Some("north")).await.unwrap();
    let ids: Vec<_> = study.jobs.iter().map(|job| job.job_id).collect();
    assert_eq!((ids, study.next), ((1..=5).map(job_id).collect(), None));
    let mut expected = json!(Study { jobs: jobs(&[1, 2, 3, 4, 5]), ..samples::study() });
    for first in [0, 2, 4] {
        expected["jobs"][first]["since"] = json!("2027");
    }
    assert_eq!(json!(study), expected);
}

#[tokio::test]
async fn a_word_that_only_a_newer_service_knows_is_named() {
    let answer = get(async || {
        let mut job = json!(samples::job());
        job["status"] = json!("PAUSED");
        Json(job)
    });
    let client = client_of(Router::new().route("/v1/jobs/{id}", answer)).await;
    let error = with_causes(&client.job("1", None).await.unwrap_err());
    assert!(error.contains("a newer release") && error.contains("PAUSED"), "{error}");
}

#[tokio::test]
async fn a_stack_that_is_not_there_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = Client::new(&base).unwrap().dead_letters(&[]).await.unwrap_err();
    assert!(error.to_string().contains(&base), "{error}");
    assert!(matches!(Client::new("localhost:80"), Err(Error::Url { .. })));
}
