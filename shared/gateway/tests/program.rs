//! The program in front of two small real services, by its environment alone.
#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use hilum_servers::{Process, TestFolder, free_port, wait_until};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(30);

/// A service that says its name and what it was asked, and is ready.
async fn service(name: &'static str) -> String {
    let ready = get(async || axum::Json(json!({ "ready": true, "waiting_for": {} })));
    let router = Router::new()
        .route("/readyz", ready)
        .fallback(async move |request: Request| format!("{name} {}", request.uri()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn gateway(port: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hilum-gateway"));
    command.env("HILUM_LISTEN", format!("127.0.0.1:{port}")).kill_on_drop(true);
    command
}

#[tokio::test]
async fn it_runs_by_its_environment_and_ends_when_it_is_asked_to() {
    let (folder, port) = (TestFolder::new().unwrap(), free_port().unwrap());
    let mut command = gateway(port);
    command.env("HILUM_INGEST_URL", service("ingest").await);
    command.env("HILUM_PROJECTION_URL", service("projection").await);
    let log = folder.path().join("gateway.log");
    let process = Process::start("hilum-gateway", command, &log).unwrap();
    let client = hilum_runtime::http_client().build().unwrap();
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let is_ready =
        || async { client.get(at("/readyz")).send().await.is_ok_and(|answer| answer.status() == 200) };
    assert!(wait_until(LIMIT, is_ready).await);

    let taken = client.post(at("/v1/jobs")).body("x").send().await.unwrap();
    assert_eq!(taken.text().await.unwrap(), "ingest /v1/jobs");
    let asked = client.get(at("/v1/jobs/1?wait=1s")).send().await.unwrap();
    assert_eq!(asked.text().await.unwrap(), "projection /v1/jobs/1?wait=1s");
    let readiness: Value = client.get(at("/readyz/uploads")).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&readiness["takes_uploads"], &readiness["parts"]["ingest"]["ready"]),
        (&json!(true), &json!(true))
    );
    let numbers = client.get(at("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(
        numbers.contains("hilum_gateway_requests_total{service=\"ingest\",status=\"2xx\"} 1"),
        "{numbers}"
    );
    let ended = process.stop(Signal::SIGTERM, LIMIT).await;
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}: {said}");
}

#[tokio::test]
async fn without_its_services_it_says_which_setting_is_missing() {
    let ended = gateway(0).env("HILUM_INGEST_URL", "http://ingest:1").output().await.unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success() && said.contains("--projection-url"), "{said}");
    let ended = gateway(0).env("HILUM_INGEST_URL", "https://ingest").output().await.unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("must be an address such as http://ingest:8080"), "{said}");
}
