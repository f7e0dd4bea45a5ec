//! The gateway's own pages.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse};
use metrics_exporter_prometheus::PrometheusHandle;

use super::Gateway;

const INDEX: &str = include_str!("index.html");

/// For people who open the base URL in a browser.
pub(super) async fn index() -> Html<&'static str> {
    Html(INDEX)
}

/// Speaks for the whole stack.
pub(super) async fn readyz(State(gateway): State<Gateway>) -> impl IntoResponse {
    let readiness = gateway.probes.check().await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

/// Speaks for the door alone: whether uploads are taken, for a balancer that must not turn them away while another part
/// catches up.
pub(super) async fn uploads(State(gateway): State<Gateway>) -> impl IntoResponse {
    let readiness = gateway.probes.check().await;
    let status = if readiness.takes_uploads { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

/// The gateway's and the supervisor's numbers.
pub(super) fn metrics(handle: Option<&PrometheusHandle>) -> String {
    handle.map(PrometheusHandle::render).unwrap_or_default()
}
