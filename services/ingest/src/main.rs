//! Wiring of the ingest service. Decides nothing.

mod admission;
mod api;
#[cfg(test)]
mod bench;
mod config;
mod disk;
mod domain;
mod gate;
mod inspection;
mod known;
mod manifest;
mod pace;
mod refusal;
mod slots;
mod study_sizes;
mod upload;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use hilum_blobs::{BlobStore, StoreConfig};
use hilum_imaging::{DecoderConfig, DecoderPool};
use hilum_log::{CLOCK_NOTE, Log, SEAL_RECORD};
use hilum_runtime::{Service, exit_code, parse_with_old_names};
use hilum_sites::Sites;

use crate::config::{Config, OLD_NAMES};
use crate::disk::Disk;
use crate::gate::Gate;
use crate::inspection::Inspector;
use crate::known::Readings;
use crate::slots::Slots;
use crate::study_sizes::StudySizes;
use crate::upload::Uploads;

/// A condition of readiness.
const SEAL: &str = "seal";

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(parse_with_old_names(&OLD_NAMES)).await.map(|()| ExitCode::SUCCESS))
}

async fn run(config: Config) -> anyhow::Result<()> {
    let sites = Arc::new(Sites::read(config.sites.as_deref())?);
    let service = Service::start("hilum-ingest", &config.service)?;
    let log = Log::connect(&config.service.nats_url, "hilum-ingest").await?;
    let store = BlobStore::open(&StoreConfig::at(&config.store_url))?;
    let decoders = DecoderConfig { size: config.decoders.max(1), ..DecoderConfig::sibling()? };

    let clock = log.clock().clone();
    service.keep_note(CLOCK_NOTE, move || clock.note());
    service.watch("event log", &log, |log| async move { log.probe().await });
    service.watch("object storage", &store, |store| async move { store.probe().await });
    let disk = Disk::new(&store, config.least_free_mib);
    service.watch("disk", &disk, |disk| async move { disk.look().await });

    service.health.wait_for(SEAL, "comparing the event log with its seal");
    let health = service.health.clone();
    let gate = Gate::new(config.bounds());
    let door = Uploads {
        log: log.clone(),
        store: store.clone(),
        gate: gate.clone(),
        readings: config.model.as_deref().and_then(|model| Readings::by_model(&log, model)),
        inspector: Inspector::new(DecoderPool::new(decoders)),
        sites,
        slots: Slots::new(config.uploads_at_once),
        disk,
        silence_limit: config.service.silence_limit(),
        max_upload_bytes: config.max_upload_bytes,
        sizes: StudySizes::bounded(config.study_images_max),
    };
    let shutdown = service.shutdown.clone();
    let until_stopped = async move {
        let seal = store.record_reader(SEAL_RECORD);
        if log.wait_until_trusted(&shutdown, seal).await? {
            health.holds(SEAL);
            gate.watch(&log, &shutdown).await;
        }
        anyhow::Ok(())
    };
    let drain_limit = config.service.drain_limit();
    service.run(api::router(door), drain_limit, until_stopped).await.context("hilum-ingest ended")
}
