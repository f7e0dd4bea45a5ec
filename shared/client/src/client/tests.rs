//! The client against a small real HTTP service.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{Multipart, Path, Query};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum::{Json, Router};
use hilum_events::Priority;
use serde_json::json;

use super::*;
use crate::{JobStatus, Tags, Upload};

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
    let take = post(async |mut form: Multipart| {
        let mut seen = Vec::new();
        while let Some(field) = form.next_field().await.unwrap() {
            let name = format!("{} {:?}", field.name().unwrap(), field.file_name());
            seen.push(format!("{name} {}", field.bytes().await.unwrap().len()));
        }
        Json(json!({ "job_id": seen.join("; "), "status": "QUEUED" }))
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
    assert_eq!(
        accepted.job_id,
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
        Json(json!({ "job_id": id, "status": "COMPLETED", "query": query })).into_response()
    });
    let client = client_of(Router::new().route("/v1/jobs/{id}", answer)).await;
    let job = client.job("a/b", Some(Duration::from_secs(3))).await.unwrap();
    assert_eq!((job.job_id.as_str(), job.status), ("a/b", JobStatus::Completed));
    assert_eq!(job.rest["query"], json!([["wait", "3000ms"]]));
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
    let answer = get(async |Query(query): Query<HashMap<String, String>>| {
        Json(match query.get("after").map(String::as_str) {
            None => json!({ "study_id": "s", "jobs": [1, 2], "next": "2" }),
            Some("2") => json!({ "study_id": "s", "jobs": [3, 4], "next": "4" }),
            Some(_) => json!({ "study_id": "s", "jobs": [5] }),
        })
    });
    let client = client_of(Router::new().route("/v1/studies/{id}", answer)).await;
    let study = client.study("S", Some("north")).await.unwrap();
    assert_eq!(study, json!({ "study_id": "s", "jobs": [1, 2, 3, 4, 5] }));
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
