//! Wiring of the deliver service. Decides nothing.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use hilum_blobs::{BlobStore, StoreConfig};
use hilum_deliver::{Config, Deliverer, Targets};
use hilum_forms::Maker;
use hilum_imaging::{DecoderConfig, DecoderPool};
use hilum_log::{CLOCK_NOTE, Log, SEAL_RECORD};
use hilum_runtime::{Service, exit_code};

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(Config::parse()).await.map(|()| ExitCode::SUCCESS))
}

async fn run(config: Config) -> anyhow::Result<()> {
    let targets = config.targets.as_deref().map(Targets::read).transpose()?.unwrap_or_default();
    if config.check {
        return Ok(());
    }
    let service = Service::start("hilum-deliver", &config.service)?;
    let log = Log::connect(&config.service.nats_url, "hilum-deliver").await?;
    let store = BlobStore::open(&StoreConfig::at(&config.store_url))?;
    let decoder = DecoderPool::new(DecoderConfig { size: 1, ..DecoderConfig::sibling()? });
    let maker = Maker::new(store.clone(), decoder);
    let health = service.health.clone();
    let drain_limit = config.service.drain_limit();
    let deliverer = Deliverer::new(log.clone(), store.clone(), maker, targets, health)?;

    let clock = log.clock().clone();
    service.keep_note(CLOCK_NOTE, move || clock.note());
    service.watch("event log", &log, |log| async move { log.probe().await });
    service.watch("object storage", &store, |store| async move { store.probe().await });

    let shutdown = service.shutdown.clone();
    let run = Box::pin(async move {
        if log.wait_until_trusted(&shutdown, store.record_reader(SEAL_RECORD)).await? {
            deliverer.run(&shutdown, drain_limit).await?;
        }
        anyhow::Ok(())
    });
    let pages = axum::Router::new();
    service.run(pages, drain_limit, run).await.context("hilum-deliver ended")
}
