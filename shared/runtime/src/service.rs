//! The frame of a service: telemetry, its pages, the signal to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures::future::BoxFuture;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::health::Health;
use crate::old_names::warn_of_old_names;
use crate::open_files::{few_open_files, raise_open_files};
use crate::pages::{self, Pages};
use crate::serving::{ConnectionBounds, serve_http};
use crate::settings::FrameSettings;
use crate::strictness::strict;
use crate::telemetry::{Telemetry, TelemetryError};

/// Buckets of all histograms whose name ends in `_seconds`.
const SECONDS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// Buckets of all histograms whose name ends in `_size`.
const SIZES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

const PROBE_EVERY: Duration = Duration::from_secs(1);
const PROBE_LIMIT: Duration = Duration::from_secs(5);

const OPEN_FILES: &str = "open files";

/// A running service.
pub struct Service {
    /// How many files and connections it may have open at a time.
    pub open_files: u64,
    /// Why it is not ready.
    pub health: Health,
    /// Cancelled by SIGTERM or SIGINT, or by the service itself when it must end.
    pub shutdown: CancellationToken,
    telemetry: Arc<Telemetry>,
    metrics: PrometheusHandle,
    listen: SocketAddr,
    silence_limit: Duration,
}

/// The frame could not be set up or broke.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Logs or traces.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// Metrics.
    #[error("cannot set up metrics")]
    Metrics(#[from] BuildError),
    /// The signal handler.
    #[error("cannot listen to signals")]
    Signal(#[source] io::Error),
    /// The port.
    #[error("cannot listen on {address}; give another --listen")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Serving ended.
    #[error("the HTTP pages ended")]
    Serve(#[source] io::Error),
}

impl Service {
    /// Starts logs, traces and metrics, and listens to signals from now on. Call it within a runtime.
    ///
    /// # Errors
    /// When a setting can't be used.
    pub fn start(name: &str, settings: &impl AsRef<FrameSettings>) -> Result<Self, ServiceError> {
        let settings = settings.as_ref();
        let telemetry = Telemetry::start(name, &settings.log, settings.otlp_endpoint.as_deref())?;
        let metrics = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), &SIZES)?
            .install_recorder()?;
        crate::metrics::describe_all();
        let shutdown = CancellationToken::new();
        stop_on_signal(&shutdown)?;
        let (health, open_files) = (Health::default(), raise_open_files());
        health.note(OPEN_FILES, few_open_files(open_files));
        metrics::gauge!("hilum_open_files_limit").set(open_files as f64);
        tracing::info!(service = name, version = env!("CARGO_PKG_VERSION"), "started");
        warn_of_old_names();
        Ok(Self {
            open_files,
            health,
            shutdown,
            telemetry: Arc::new(telemetry),
            metrics,
            listen: settings.listen,
            silence_limit: settings.silence_limit(),
        })
    }

    /// Asks `what` by `probe` every second whether `condition` holds, until shutdown. The error is shown in `/readyz`.
    pub fn watch<T, F, Fut, E>(&self, condition: &'static str, what: &T, probe: F)
    where
        T: Clone + Send + 'static,
        F: Fn(T) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send,
        E: ToString + Send,
    {
        let what = what.clone();
        self.health.wait_for(condition, "not asked yet");
        let (health, shutdown) = (self.health.clone(), self.shutdown.clone());
        tokio::spawn(async move {
            loop {
                match tokio::time::timeout(PROBE_LIMIT, probe(what.clone())).await {
                    Ok(Ok(())) => health.holds(condition),
                    Ok(Err(reason)) => health.wait_for(condition, reason.to_string()),
                    Err(_) => health.wait_for(condition, format!("no answer within {PROBE_LIMIT:?}")),
                }
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(PROBE_EVERY) => {}
                }
            }
        });
    }

    /// Asks `tell` every second for the note `what`, until shutdown: what somebody has to look at, or nothing.
    pub fn keep_note(&self, what: &'static str, tell: impl Fn() -> Option<String> + Send + 'static) {
        let (health, shutdown) = (self.health.clone(), self.shutdown.clone());
        tokio::spawn(async move {
            loop {
                health.note(what, tell());
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(PROBE_EVERY) => {}
                }
            }
        });
    }

    /// Serves `api` beside /livez, /readyz and /metrics until shutdown; requests in hand are answered.
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub fn serve(&self, api: Router) -> BoxFuture<'_, Result<(), ServiceError>> {
        let router = strict(api.merge(self.pages()), self.silence_limit);
        self.serve_on_connections(router, 1)
    }

    /// Serves `router` and nothing beside it until shutdown; each connection takes `files` descriptors.
    ///
    /// # Errors
    /// When the address can't be listened on.
    pub fn serve_on_connections(
        &self,
        router: Router,
        files: u64,
    ) -> BoxFuture<'_, Result<(), ServiceError>> {
        Box::pin(async move {
            let address = self.listen;
            let listen = |source| ServiceError::Listen { address, source };
            let listener = TcpListener::bind(address).await.map_err(listen)?;
            tracing::info!(address = %listener.local_addr().map_err(listen)?, "serving");
            let bounds = ConnectionBounds::within(self.open_files, files, self.silence_limit);
            serve_http(listener, router, bounds, self.shutdown.clone()).await.map_err(ServiceError::Serve)
        })
    }

    /// What `/metrics` shows, for a program with pages of its own.
    pub fn metrics_page(&self) -> impl Fn() -> String + Send + Sync + 'static {
        let (metrics, telemetry) = (self.metrics.clone(), self.telemetry.clone());
        move || pages::rendered(&metrics, &telemetry)
    }

    /// Runs the service's work and its pages side by side. When one ends, the other is asked to end too; the
    /// pages get `drain_limit` for the requests they hold.
    ///
    /// # Errors
    /// The first error of either.
    pub async fn run<E>(
        &self,
        api: Router,
        drain_limit: Duration,
        work: impl Future<Output = Result<(), E>>,
    ) -> Result<(), E>
    where
        E: From<ServiceError>,
    {
        let work = async {
            let outcome = work.await;
            self.shutdown.cancel();
            outcome
        };
        let pages = async {
            let outcome = tokio::select! {
                outcome = self.serve(api) => outcome,
                () = after(&self.shutdown, drain_limit) => Ok(()),
            };
            self.shutdown.cancel();
            outcome
        };
        let (work, pages) = tokio::join!(work, pages);
        tracing::info!("stopped");
        work?;
        Ok(pages?)
    }

    fn pages(&self) -> Router {
        let (health, metrics, telemetry) =
            (self.health.clone(), self.metrics.clone(), self.telemetry.clone());
        pages::router(Pages { health, metrics, telemetry })
    }
}

async fn after(shutdown: &CancellationToken, limit: Duration) {
    shutdown.cancelled().await;
    tokio::time::sleep(limit).await;
}

fn stop_on_signal(shutdown: &CancellationToken) -> Result<(), ServiceError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ServiceError::Signal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServiceError::Signal)?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to stop");
        shutdown.cancel();
    });
    Ok(())
}
