//! The query API: its routes and what they share. Answers come from the tables; the log is asked only when
//! the tables may lag behind it.

mod dead_letters;
mod error;
mod event_json;
mod jobs;
mod live;
mod lookup;
mod losses;
mod ops;
mod params;
mod report;
mod resolve;
mod result;
mod retry;
mod studies;
mod take_out;
mod throttle;
mod unserved;
mod worklist;

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, map_request};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Router, middleware};
use hilum_blobs::BlobStore;
use hilum_forms::Maker;
use hilum_log::Log;
use hilum_runtime::{Problem, held_at_once, no_query};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::throttle::Throttle;
use self::unserved::Unserved;
use crate::progress::Progress;
use crate::queries::Queries;

/// Requests that wait for something at a time; each costs little, but not nothing.
const WAITING_MAX: usize = 4096;
/// Files and connections that are kept for what does not wait: the database, the log, storage, other requests.
const RESERVED_FILES: u64 = 256;

/// The description of the whole API, also of what other services serve under the same base URL.
const OPENAPI: &str = include_str!("../openapi.json");

/// What all answers are made from. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    queries: Queries,
    log: Log,
    blobs: BlobStore,
    progress: Progress,
    shutdown: CancellationToken,
    waiting_max: usize,
    waiting: Arc<Semaphore>,
    decisions: Arc<Throttle>,
    unserved: Arc<Unserved>,
    maker: Maker,
}

impl Api {
    /// Waiting requests are answered when `shutdown` comes.
    pub fn new(
        queries: Queries,
        log: Log,
        blobs: BlobStore,
        maker: Maker,
        progress: Progress,
        shutdown: CancellationToken,
    ) -> Self {
        let (waiting_max, waiting) = (WAITING_MAX, Arc::new(Semaphore::new(WAITING_MAX)));
        let (decisions, unserved) = (Arc::default(), Arc::default());
        Self { queries, log, blobs, progress, shutdown, waiting_max, waiting, decisions, unserved, maker }
    }

    /// The same in a process that may have `open_files` files and connections open: fewer requests wait if that is little.
    #[must_use]
    pub fn within(self, open_files: u64) -> Self {
        let waiting_max = WAITING_MAX.min(held_at_once(open_files, 1, RESERVED_FILES));
        Self { waiting_max, waiting: Arc::new(Semaphore::new(waiting_max)), ..self }
    }
}

/// All routes.
pub fn router(api: Api) -> Router {
    let mut router = Router::new();
    for (_, path, methods) in routes() {
        router = router.route(path, methods);
    }
    router
        .route_layer(middleware::from_fn(measure))
        .method_not_allowed_fallback(|| async {
            let detail = "this page is not called this way; /openapi.json lists all calls";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "method not allowed", detail)
        })
        .fallback(|| async { Problem::not_found("there is no such page; /openapi.json lists all calls") })
        .with_state(api)
}

fn routes() -> Vec<(&'static str, &'static str, MethodRouter<Api>)> {
    vec![
        ("get", "/v1/jobs", get(jobs::list)),
        ("get", "/v1/jobs/{id}", get(jobs::show)),
        ("get", "/v1/jobs/{id}/result", get(result::show)),
        ("get", "/v1/jobs/{id}/events", get(live::stream)),
        ("post", "/v1/jobs/{id}/retry", post(retry::retry).layer(map_request(no_query))),
        ("post", "/v1/jobs/{id}/take-out", post(take_out::take_out).layer(map_request(no_query))),
        ("get", "/v1/studies", get(worklist::list)),
        ("get", "/v1/studies/{id}", get(studies::show)),
        ("get", "/v1/studies/{id}/report", get(report::show)),
        ("get", "/v1/ops/metrics", get(ops::metrics)),
        ("get", "/v1/ops/dlq", get(dead_letters::list)),
        ("get", "/v1/ops/dlq/{id}", get(dead_letters::show)),
        ("post", "/v1/ops/dlq/{id}/redrive", post(resolve::redrive).layer(map_request(no_query))),
        ("post", "/v1/ops/dlq/{id}/discard", post(resolve::discard).layer(map_request(no_query))),
        ("get", "/v1/ops/log/losses", get(losses::list)),
        ("post", "/v1/ops/log/losses", post(losses::accept).layer(map_request(no_query))),
        ("get", "/openapi.json", get(openapi)),
    ]
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn measure(route: MatchedPath, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let response = next.run(request).await;
    let (route, code) = (route.as_str().to_owned(), response.status().as_u16().to_string());
    metrics::histogram!("hilum_http_request_seconds", "route" => route, "code" => code)
        .record(begun.elapsed());
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hilum_forms::Format;
    use serde_json::Value;

    use super::*;

    /// Served under the same base URL by others.
    const ELSEWHERE: [&str; 6] = [
        "post /v1/jobs",
        "post /v1/studies/{id}/close",
        "post /v1/studies/{id}/manifest",
        "get /livez",
        "get /readyz",
        "get /metrics",
    ];

    fn described() -> Value {
        serde_json::from_str(OPENAPI).unwrap()
    }

    #[test]
    fn every_route_is_described_and_every_description_has_a_route() {
        let document = described();
        let operations = document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        });
        let served = routes().into_iter().map(|(method, path, _)| format!("{method} {path}"));
        let expected: BTreeSet<String> = served.chain(ELSEWHERE.map(str::to_owned)).collect();
        assert_eq!(operations.collect::<BTreeSet<String>>(), expected);
    }

    #[test]
    fn every_form_of_a_report_is_described() {
        let document = described();
        let show = &document["paths"]["/v1/studies/{id}/report"]["get"];
        let format = show["parameters"].as_array().unwrap().iter().find(|it| it["name"] == "format").unwrap();
        let words: BTreeSet<&str> =
            format["schema"]["enum"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(words, BTreeSet::from(Format::ALL.map(Format::name)));
        let content = show["responses"]["200"]["content"].as_object().unwrap();
        let essence = |format: Format| format.media_type().split(';').next().unwrap();
        let types: BTreeSet<&str> = content.keys().map(String::as_str).collect();
        assert_eq!(types, BTreeSet::from(Format::ALL.map(essence)));
    }

    #[test]
    fn every_reference_of_the_description_leads_somewhere() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(reference)) = fields.get("$ref") {
                        found.push(reference.clone());
                    }
                    fields.values().for_each(|value| references(value, found));
                }
                Value::Array(values) => values.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = described();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}
