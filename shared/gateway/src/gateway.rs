//! What the gateway needs to pass requests on: where services are, how they are, connections to them, and bounds.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tower::ServiceExt as _;
use tower::util::MapResponse;

use crate::destination::Destination;
use crate::read_after_broken_write::ReadAfterBrokenWrite;
use crate::readiness::ReadinessProbe;
use crate::settings::Limits;

/// Connections without a request are let go before the service does that, which would cost the next request.
const IDLE_LIMIT: Duration = Duration::from_secs(5);

type Connector =
    MapResponse<HttpConnector, fn(TokioIo<TcpStream>) -> ReadAfterBrokenWrite<TokioIo<TcpStream>>>;

/// One address in front of ingest and projection, and of the doors that run besides. Cheap to clone.
#[derive(Clone)]
pub struct Gateway {
    pub(crate) ingest: Destination,
    pub(crate) projection: Destination,
    /// Where object stores tell of objects, where there is such a service.
    pub(crate) watch: Option<Destination>,
    /// Where objects come in by DICOMweb, where there is such a service.
    pub(crate) dicomweb: Option<Destination>,
    pub(crate) probe: Arc<dyn ReadinessProbe>,
    pub(crate) client: Client<Connector, Body>,
    /// One for each question that is being answered.
    pub(crate) questions: Arc<Semaphore>,
}

impl Gateway {
    /// A gateway to services that may still be starting. `probe` knows how they are.
    pub fn new(
        ingest: Destination,
        projection: Destination,
        probe: Arc<dyn ReadinessProbe>,
        limits: Limits,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(limits.connect));
        connector.set_nodelay(true);
        let connector: Connector = connector.map_response(ReadAfterBrokenWrite::new);
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_idle_timeout(IDLE_LIMIT).pool_timer(TokioTimer::new());
        let client = client.build(connector);
        let questions = Arc::new(Semaphore::new(limits.questions_at_once));
        Self { ingest, projection, watch: None, dicomweb: None, probe, client, questions }
    }

    /// The same, with a service that takes notifications of object stores.
    #[must_use]
    pub fn with_watch(self, watch: Destination) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// The same, with a service that takes objects by DICOMweb.
    #[must_use]
    pub fn with_dicomweb(self, dicomweb: Destination) -> Self {
        Self { dicomweb: Some(dicomweb), ..self }
    }
}
