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
use hilum_runtime::{LEAST_OPEN_FILES, held_at_once};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tower::ServiceExt as _;
use tower::util::MapResponse;

use self::patient::Patient;
use crate::stack::{PortCell, Probes};

/// Files and connections that are kept for uploads, of which each has two, and for what the stack itself needs.
const RESERVED_FILES: u64 = 512;

/// A service on this machine answers at once or is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Connections without a request are let go before the service does that, which would cost the next request.
const IDLE_LIMIT: Duration = Duration::from_secs(5);

type Connector = MapResponse<HttpConnector, fn(TokioIo<TcpStream>) -> Patient<TokioIo<TcpStream>>>;

/// Where requests go.
#[derive(Clone)]
pub(crate) struct Gateway {
    ingest: PortCell,
    projection: PortCell,
    probes: Arc<Probes>,
    client: Client<Connector, Body>,
    /// One for each question that is being answered: it may be one that waits, and a connection is held on both sides.
    places: Arc<Semaphore>,
}

impl Gateway {
    /// A gateway to services that may still be starting.
    pub(crate) fn new(ingest: PortCell, projection: PortCell, probes: Arc<Probes>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_LIMIT));
        connector.set_nodelay(true);
        let connector: Connector = connector.map_response(Patient::new);
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_idle_timeout(IDLE_LIMIT).pool_timer(TokioTimer::new());
        let client = client.build(connector);
        let places = Arc::new(Semaphore::new(held_at_once(LEAST_OPEN_FILES, 2, RESERVED_FILES)));
        Self { ingest, projection, probes, client, places }
    }

    /// The same in a process that may have `open_files` files and connections open.
    #[must_use]
    pub(crate) fn within(self, open_files: u64) -> Self {
        Self { places: Arc::new(Semaphore::new(held_at_once(open_files, 2, RESERVED_FILES))), ..self }
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
