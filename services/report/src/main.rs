//! Wiring of the report service. Decides nothing.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use hilum_blobs::{BlobStore, StoreConfig};
use hilum_imaging::DecoderConfig;
use hilum_log::{CLOCK_NOTE, Log};
use hilum_report::{Config, Previewer, Reporter};
use hilum_runtime::{Service, exit_code};

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(Config::parse()).await.map(|()| ExitCode::SUCCESS))
}

async fn run(config: Config) -> anyhow::Result<()> {
    let pace = config.pace()?;
    let service = Service::start("hilum-report", &config.service)?;
    let log = Log::connect(&config.service.nats_url, "hilum-report").await?;
    let clock = log.clock().clone();
    service.keep_note(CLOCK_NOTE, move || clock.note());
    let blobs = BlobStore::open(&StoreConfig::at(&config.store_url))?;
    let previewer = Previewer::new(DecoderConfig::sibling()?);
    let reporter = Reporter::new(log, blobs, previewer, service.health.clone(), pace);

    let shutdown = service.shutdown.clone();
    let run = Box::pin(async move { reporter.run(&shutdown).await.map_err(anyhow::Error::from) });
    let pages = axum::Router::new();
    service.run(pages, config.service.drain_limit(), run).await.context("hilum-report ended")
}
