//! The base URL: one door in front of ingest and projection. It passes bodies on as they come, both ways, and
//! knows nothing of what is in them.

mod forward;
mod pages;
mod patient;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpStream;
use tower::ServiceExt as _;
use tower::util::MapResponse;

use self::patient::Patient;
use crate::stack::{PortCell, Probes};

/// A service on this machine answers at once or is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

type Connector = MapResponse<HttpConnector, fn(TokioIo<TcpStream>) -> Patient<TokioIo<TcpStream>>>;

/// Where requests go.
#[derive(Clone)]
pub(crate) struct Gateway {
    ingest: PortCell,
    projection: PortCell,
    probes: Arc<Probes>,
    client: Client<Connector, Body>,
}

impl Gateway {
    /// A gateway to services that may still be starting.
    pub(crate) fn new(ingest: PortCell, projection: PortCell, probes: Arc<Probes>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_LIMIT));
        connector.set_nodelay(true);
        let connector: Connector = connector.map_response(Patient::new);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { ingest, projection, probes, client }
    }

    /// All routes: uploads go to ingest, the gateway's own pages are its own, the rest goes to projection.
    pub(crate) fn router(self, metrics: Option<PrometheusHandle>) -> Router {
        Router::new()
            .route("/v1/jobs", post(forward::to_ingest).fallback(forward::to_projection))
            .route("/v1/studies/{id}/close", post(forward::to_ingest).fallback(forward::to_projection))
            .route("/v1/studies/{id}/manifest", post(forward::to_ingest).fallback(forward::to_projection))
            .route("/", get(pages::index))
            .route("/livez", get(|| async { "ok\n" }))
            .route("/readyz", get(pages::readyz))
            .route("/readyz/uploads", get(pages::uploads))
            .route("/metrics", get(move || async move { pages::metrics(metrics.as_ref()) }))
            .fallback(forward::to_projection)
            .with_state(self)
    }
}

#[cfg(test)]
mod tests;
