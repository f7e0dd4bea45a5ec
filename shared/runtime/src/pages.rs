//! The pages that each service has beside its API: /livez, /readyz and /metrics.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Json, Router};
use hilum_api::AnyReadiness;
use metrics_exporter_prometheus::PrometheusHandle;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::health::Health;
use crate::telemetry::Telemetry;

/// What the pages are made of.
#[derive(Clone)]
pub(crate) struct Pages {
    pub(crate) health: Health,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) telemetry: Arc<Telemetry>,
}

pub(crate) fn router(pages: Pages) -> Router {
    described().0.with_state(pages)
}

fn described() -> (Router<Pages>, OpenApi) {
    let pages = OpenApiRouter::new().routes(routes!(livez)).routes(routes!(readyz)).routes(routes!(metrics));
    pages.split_for_parts()
}

/// Whether the process lives
#[utoipa::path(
    get,
    path = "/livez",
    operation_id = "livez",
    tag = "pages",
    responses((status = 200, description = "it does", body = String, content_type = "text/plain", example = "ok\n"))
)]
async fn livez() -> &'static str {
    "ok\n"
}

/// Whether everything that is needed is there
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "pages",
    responses(
        (status = 200, description = "ready", body = AnyReadiness, example = json!(hilum_api::samples::readiness())),
        (
            status = 503,
            description = "not ready, with the reasons",
            body = AnyReadiness,
            example = json!(hilum_api::samples::stack_readiness())
        )
    )
)]
async fn readyz(State(pages): State<Pages>) -> impl IntoResponse {
    let readiness = pages.health.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

/// Metrics for Prometheus
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "prometheus",
    tag = "pages",
    responses((status = 200, description = "text exposition format", body = String, content_type = "text/plain"))
)]
async fn metrics(State(pages): State<Pages>) -> String {
    rendered(&pages.metrics, &pages.telemetry)
}

/// The page for Prometheus.
pub(crate) fn rendered(metrics: &PrometheusHandle, telemetry: &Telemetry) -> String {
    metrics::counter!("hilum_log_lines_dropped_total").absolute(telemetry.dropped_lines());
    metrics.render()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_description_says_of_the_pages_what_they_say_of_themselves() {
        hilum_api::openapi::check_part("every", &super::described().1)
            .unwrap_or_else(|error| panic!("{error}"));
    }
}
