//! Wiring of the dedupe service. Decides nothing.

mod config;
mod domain;
mod flagged;
mod shell;

use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use hilum_blobs::{BlobStore, StoreConfig};
use hilum_log::{Log, SEAL_RECORD, work};
use hilum_models::ModelFolder;
use hilum_runtime::Service;

use crate::config::Config;
use crate::shell::Dedupe;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::parse();
    let service = Service::start("hilum-dedupe", &config.service)?;
    let model = ModelFolder::open(&config.model)?.identity();
    let log = Log::connect(&config.service.nats_url, "hilum-dedupe").await?;
    let store = BlobStore::open(&StoreConfig::at(&config.store_url))?;
    let handler = Arc::new(Dedupe::new(log.clone(), &model)?);
    let work_config = config.work();

    service.watch("event log", &log, |log| async move { log.probe().await });

    let shutdown = service.shutdown.clone();
    let run = async move {
        if log.wait_until_trusted(&shutdown, || store.read_record(SEAL_RECORD)).await? {
            // Who waits in which lane, for the lanes of what is asked for. A task of its own: it holds up no image.
            let (watched, stop) = (log.clone(), shutdown.clone());
            let watch = tokio::spawn(async move { watched.watch_waiting(&stop).await });
            let worked = work(&log, handler, &work_config, &shutdown).await;
            watch.abort();
            worked?;
        }
        anyhow::Ok(())
    };
    let pages = axum::Router::new();
    service.run(pages, config.service.drain_limit(), run).await.context("hilum-dedupe ended")
}
