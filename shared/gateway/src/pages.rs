//! The gateway's own pages.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse};

use crate::gateway::Gateway;

const INDEX: &str = include_str!("index.html");

/// For people who open the base URL in a browser.
pub(crate) async fn index() -> Html<&'static str> {
    Html(INDEX)
}

/// Speaks for the whole stack.
pub(crate) async fn readyz(State(gateway): State<Gateway>) -> impl IntoResponse {
    let readiness = gateway.probe.check().await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

/// Speaks for the door alone: whether uploads are taken, for a balancer that must not turn them away while another part
/// catches up.
pub(crate) async fn uploads(State(gateway): State<Gateway>) -> impl IntoResponse {
    let readiness = gateway.probe.check().await;
    let status = if readiness.takes_uploads { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}
