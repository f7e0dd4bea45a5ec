//! Starting the reading service: model first, then work; ready only when the model has proved itself.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hilum_blobs::{BlobStore, StoreConfig};
use hilum_imaging::{DecoderConfig, DecoderPool};
use hilum_log::{CLOCK_NOTE, Log, SEAL_RECORD, work};
use hilum_models::ModelFolder;
use hilum_runtime::Service;

use crate::choice::select::choose;
use crate::config::Config;
use crate::queue::worker::ModelWorker;
use crate::reading::Model;
use crate::shell::Reader;

/// Runs the service until it is asked to stop.
///
/// # Errors
/// When a setting can't be used, the model is refused or fails its check, or going on would do harm.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let service = Service::start("hilum-infer", &config.service)?;
    service.health.wait_for("model", "loading and checking");
    let log = Log::connect(&config.service.nats_url, "hilum-infer").await?;
    let store = BlobStore::open(&StoreConfig::at(&config.store_url))?;
    let decoders = DecoderConfig { size: config.decoders().get(), ..DecoderConfig::sibling()? };
    let clock = log.clock().clone();
    service.keep_note(CLOCK_NOTE, move || clock.note());
    service.watch("event log", &log, |log| async move { log.probe().await });
    service.watch("object storage", &store, |store| async move { store.probe().await });

    let health = service.health.clone();
    let shutdown = service.shutdown.clone();
    let drain_limit = config.service.drain_limit();
    let forward_limit = Duration::from_secs(config.forward_limit_s);
    let run = async move {
        let starting = {
            let config = config.clone();
            tokio::task::spawn_blocking(move || start_model(&config))
        };
        let (model, worker) = starting.await??;
        let worker = Arc::new(worker);
        let work_config = config.work(&worker);
        health.holds("model");
        let reader = Reader {
            log: log.clone(),
            store,
            decoders: DecoderPool::new(decoders),
            model: Arc::new(model),
            worker: worker.clone(),
        };
        let seal = reader.store.record_reader(SEAL_RECORD);
        if !log.wait_until_trusted(&shutdown, seal).await? {
            return Ok(());
        }
        tokio::select! {
            done = work(&log, Arc::new(reader), &work_config, &shutdown) => Ok(done?),
            hung = watch_model(&worker, forward_limit) => Err(hung),
        }
    };
    service.run(axum::Router::new(), drain_limit, Box::pin(run)).await.context("hilum-infer ended")
}

/// Chooses an engine that gives the golden results, and starts it. Blocks for seconds.
fn start_model(config: &Config) -> anyhow::Result<(Model, ModelWorker)> {
    let folder = ModelFolder::open(&config.model)?;
    config.engine.use_libraries();
    let chosen = choose(&folder, &config.engine.wanted())?;
    let identity = folder.identity();
    let description = chosen.engines.first().context("an engine was chosen")?.description();
    tracing::info!(
        model = identity.name,
        version = identity.version,
        trained = identity.trained,
        engine = description.engine,
        precision = description.precision,
        replicas = chosen.engines.len(),
        max_batch = chosen.max_batch,
        cases = chosen.report.map_or(0, |report| report.cases),
        largest_logit_difference = chosen.report.map(|report| report.largest_logit_difference),
        "model checked on its golden images"
    );
    let model = Model::of(&folder, description, config.mapped_labels)?;
    let batches = config.batches(&chosen);
    let worker = ModelWorker::start(chosen.engines, batches)?;
    Ok((model, worker))
}

/// Returns when the model hangs or its thread has ended: the process must end, so that the work goes elsewhere.
async fn watch_model(worker: &ModelWorker, forward_limit: Duration) -> anyhow::Error {
    let mut looks = tokio::time::interval(Duration::from_secs(1));
    loop {
        looks.tick().await;
        if !worker.is_alive() {
            return anyhow::anyhow!("the model's thread has ended");
        }
        if worker.busy_since().is_some_and(|since| since.elapsed() > forward_limit) {
            return anyhow::anyhow!("the model has not answered for {forward_limit:?}");
        }
    }
}
