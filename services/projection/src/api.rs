//! The query API: its routes and what they share. Answers come from the tables; the log is asked only when
//! the tables may lag behind it.

mod dead_letters;
pub mod dicomweb;
mod error;
mod jobs;
mod live;
mod logged_event;
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
use axum::http::header;
use axum::middleware::{Next, map_request};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, middleware};
use hilum_api::{Problem, ProblemType};
use hilum_blobs::BlobStore;
use hilum_forms::Maker;
use hilum_log::Log;
use hilum_runtime::{held_at_once, no_query};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use self::dicomweb::Dicomweb;
use self::throttle::Throttle;
use self::unserved::Unserved;
use crate::progress::Progress;
use crate::queries::Queries;

/// Requests that wait for something at a time; each costs little, but not nothing.
const WAITING_MAX: usize = 4096;
/// Files and connections that are kept for what does not wait: the database, the log, storage, other requests.
const RESERVED_FILES: u64 = 256;

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
    dicomweb: Option<Arc<Dicomweb>>,
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
        Self {
            queries,
            log,
            blobs,
            progress,
            shutdown,
            waiting_max,
            waiting,
            decisions,
            unserved,
            maker,
            dicomweb: None,
        }
    }

    /// The same, answering DICOMweb as well.
    #[must_use]
    pub fn with_dicomweb(self, dicomweb: Dicomweb) -> Self {
        Self { dicomweb: Some(Arc::new(dicomweb)), ..self }
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
    let (router, _) = described();
    router
        // PS3.18 describes these, and docs/dicomweb.md what of them is answered.
        .merge(dicomweb::router())
        .route_layer(middleware::from_fn(measure))
        .method_not_allowed_fallback(|| async {
            let detail = "this page is not called this way; /openapi.json lists all calls";
            Problem::new(ProblemType::MethodNotAllowed, detail)
        })
        .fallback(|| async { Problem::not_found("there is no such page; /openapi.json lists all calls") })
        .with_state(api)
}

/// The routes, and what their handlers say of themselves.
fn described() -> (Router<Api>, OpenApi) {
    let router = OpenApiRouter::new()
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::show))
        .routes(routes!(result::show))
        .routes(routes!(live::stream))
        .routes(routes!(retry::retry).layer(map_request(no_query)))
        .routes(routes!(take_out::take_out).layer(map_request(no_query)))
        .routes(routes!(worklist::list))
        .routes(routes!(studies::show))
        .routes(routes!(report::show))
        .routes(routes!(ops::metrics))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::show))
        .routes(routes!(resolve::redrive).layer(map_request(no_query)))
        .routes(routes!(resolve::discard).layer(map_request(no_query)))
        .routes(routes!(losses::list))
        .routes(routes!(losses::accept).layer(map_request(no_query)))
        .routes(routes!(openapi));
    router.split_for_parts()
}

/// This description
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "pages",
    responses((status = 200, description = "this description", body = Object, content_type = "application/json"))
)]
async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], hilum_api::openapi::DOCUMENT).into_response()
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

    #[test]
    fn the_description_says_of_every_call_what_its_handler_says() {
        hilum_api::openapi::check_part("projection", &described().1)
            .unwrap_or_else(|error| panic!("{error}"));
    }

    #[test]
    fn every_form_of_a_report_is_described() {
        let document: Value = serde_json::from_str(hilum_api::openapi::DOCUMENT).unwrap();
        let show = &document["paths"]["/v1/studies/{id}/report"]["get"];
        let format = show["parameters"].as_array().unwrap().iter().find(|it| it["name"] == "format").unwrap();
        let words: BTreeSet<&str> =
            format["schema"]["enum"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(words, BTreeSet::from(Format::ALL.map(Format::name)));
        let content = &show["responses"]["200"]["content"];
        let essence = |format: Format| format.media_type().split(';').next().unwrap();
        let types: BTreeSet<&str> = content.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(types, BTreeSet::from(Format::ALL.map(essence)));
    }
}
