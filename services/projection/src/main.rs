//! The projection service. Wiring only.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use hilum_blobs::{BlobStore, StoreConfig};
use hilum_forms::Maker;
use hilum_imaging::{DecoderConfig, DecoderPool};
use hilum_log::{CLOCK_NOTE, Log};
use hilum_projection::api::dicomweb::Dicomweb;
use hilum_projection::api::{self, Api};
use hilum_projection::config::Config;
use hilum_projection::fold::Projection;
use hilum_projection::headers::Headers;
use hilum_projection::pool;
use hilum_projection::progress::Progress;
use hilum_projection::queries::Queries;
use hilum_projection::store::Store;
use hilum_runtime::{Service, exit_code};

/// Connections to Postgres for the fold; it uses one at a time.
const WRITING: u32 = 2;
/// Connections to Postgres for answers.
const READING: u32 = 8;
/// Processes that read from headers which patient images are of, for DICOM forms of reports; none runs before one is asked for.
const DECODERS: usize = 1;
/// Processes that read headers and pictures for DICOMweb; none runs before something is asked for.
const VIEWING_DECODERS: usize = 2;

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(Config::parse()).await.map(|()| ExitCode::SUCCESS))
}

async fn run(config: Config) -> anyhow::Result<()> {
    let service = Service::start("hilum-projection", &config.service)?;
    let writing = pool::open(&config.database_url, WRITING).context("cannot use the database address")?;
    let reading = pool::open_for_reading(&config.database_url, READING)?;
    let blobs = BlobStore::open(&StoreConfig::at(&config.store_url))?;
    let log = Log::connect(&config.service.nats_url, "hilum-projection").await?;
    let clock = log.clock().clone();
    service.keep_note(CLOCK_NOTE, move || clock.note());
    let progress = Progress::default();

    let projection = Projection {
        store: Store::new(writing.clone(), &config.database_url),
        log: log.clone(),
        progress: progress.clone(),
        health: service.health.clone(),
    };
    let decoder = DecoderPool::new(DecoderConfig { size: DECODERS, ..DecoderConfig::sibling()? });
    // Whoever asks for many pictures does not keep reports waiting.
    let viewing = DecoderPool::new(DecoderConfig { size: VIEWING_DECODERS, ..DecoderConfig::sibling()? });
    let headers = Headers::new(blobs.clone(), viewing);
    let maker = Maker::new(blobs.clone(), decoder);
    let queries = Queries::new(reading.clone());
    let api = Api::new(queries, log.clone(), blobs, maker, progress, service.shutdown.clone())
        .with_dicomweb(Dicomweb::new(config.dicomweb_read, headers))
        .within(service.open_files);
    let fold = async {
        // How much waits at each consumer, for the figures of the API.
        tokio::join!(projection.run(&service.shutdown), log.watch_waiting(&service.shutdown));
        anyhow::Ok(())
    };
    let outcome = Box::pin(service.run(api::router(api), config.service.drain_limit(), fold)).await;
    reading.close().await;
    writing.close().await;
    outcome
}
