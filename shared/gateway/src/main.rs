//! The gateway of a deployment whose services run elsewhere. Wiring only.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use hilum_gateway::{BothServices, Destination, Gateway, Settings};
use hilum_runtime::{Service, exit_code};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(Settings::parse()).await.map(|()| ExitCode::SUCCESS))
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let service = Service::start("hilum-gateway", &settings.frame)?;
    let limits = settings.limits(service.open_files);
    let ingest = Destination::fixed("ingest", settings.ingest_url);
    let projection = Destination::fixed("projection", settings.projection_url);
    let services = BothServices::new(ingest.clone(), projection.clone())?;
    let gateway = Gateway::new(ingest, projection, Arc::new(services), limits);
    let gateway = match settings.watch_url {
        Some(authority) => gateway.with_watch(Destination::fixed("watch", authority)),
        None => gateway,
    };
    let gateway = match settings.dicomweb_url {
        Some(authority) => gateway.with_dicomweb(Destination::fixed("dicomweb", authority)),
        None => gateway,
    };
    // A client's connection comes with one to a service.
    let serving = service.serve_on_connections(gateway.router(service.metrics_page()), 2);
    tokio::select! {
        served = serving => served.context("hilum-gateway ended"),
        () = drained(&service.shutdown, settings.frame.drain_limit()) => Ok(()),
    }
}

/// Until the requests in hand at a stop have had their time.
async fn drained(shutdown: &CancellationToken, limit: Duration) {
    shutdown.cancelled().await;
    tokio::time::sleep(limit).await;
}
