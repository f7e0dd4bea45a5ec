//! Wiring of the dedupe service. Decides nothing.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use hilum_blobs::{BlobStore, StoreConfig};
use hilum_dedupe::{Config, Dedupe, OLD_NAMES, watch_unserved};
use hilum_log::{CLOCK_NOTE, Log, SEAL_RECORD, work};
use hilum_models::ModelFolder;
use hilum_runtime::{Service, exit_code, parse_with_old_names};

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(parse_with_old_names(&OLD_NAMES)).await.map(|()| ExitCode::SUCCESS))
}

async fn run(config: Config) -> anyhow::Result<()> {
    let service = Service::start("hilum-dedupe", &config.service)?;
    let model = ModelFolder::open(&config.model)?;
    let log = Log::connect(&config.service.nats_url, "hilum-dedupe").await?;
    let store = BlobStore::open(&StoreConfig::at(&config.store_url))?;
    let reading_key = model.identity().reading_key().as_str().to_owned();
    let handler = Arc::new(Dedupe::new(log.clone(), model.reader()?, reading_key));
    let work_config = config.work();

    let clock = log.clock().clone();
    service.keep_note(CLOCK_NOTE, move || clock.note());
    service.watch("event log", &log, |log| async move { log.probe().await });

    let (shutdown, health) = (service.shutdown.clone(), service.health.clone());
    let run = async move {
        if log.wait_until_trusted(&shutdown, store.record_reader(SEAL_RECORD)).await? {
            // Who waits in which lane, for the lanes of what is asked for. A task of its own: it holds up no image.
            let (watched, stop) = (log.clone(), shutdown.clone());
            let watch = tokio::spawn(async move { watched.watch_waiting(&stop).await });
            let worked = tokio::select! {
                worked = work(&log, handler, &work_config, &shutdown) => worked,
                never = watch_unserved(&log, &health) => match never {},
            };
            watch.abort();
            worked?;
        }
        anyhow::Ok(())
    };
    let pages = axum::Router::new();
    service.run(pages, config.service.drain_limit(), run).await.context("hilum-dedupe ended")
}
