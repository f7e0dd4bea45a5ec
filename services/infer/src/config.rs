//! Settings of the reading service.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use hilum_log::WorkConfig;
use hilum_runtime::ServiceSettings;

use crate::batcher::BatchSettings;
use crate::load::{DeviceChoice, Precision, all_cores};

/// Reads images with a model.
#[derive(Debug, Clone, Args)]
pub struct Config {
    /// What all services have.
    #[command(flatten)]
    pub service: ServiceSettings,
    /// Folder of the model
    #[arg(long, env = "HILUM_MODEL")]
    pub model: PathBuf,
    /// Where images are kept: file:///folder or s3://bucket (with the usual AWS_… settings)
    #[arg(long, env = "HILUM_STORE_URL")]
    pub store_url: String,
    /// Where the model computes: cpu, cuda or cuda:N
    #[arg(long, env = "HILUM_DEVICE", default_value = "cpu")]
    pub device: DeviceChoice,
    /// In which arithmetic: fp32, or bf16 (about three times as fast on processors with AMX)
    #[arg(long, env = "HILUM_PRECISION", default_value = "fp32")]
    pub precision: Precision,
    /// Threads of one forward pass
    #[arg(long, env = "HILUM_INFER_THREADS", default_value_t = all_cores())]
    pub threads: NonZeroUsize,
    /// Child processes that decode images
    #[arg(long, env = "HILUM_DECODERS", default_value_t = all_cores())]
    pub decoders: NonZeroUsize,
    /// Most images in one forward pass
    #[arg(long, env = "HILUM_MAX_BATCH", default_value_t = NonZeroUsize::MIN.saturating_add(7))]
    pub max_batch: NonZeroUsize,
    /// Longest wait for more images of a batch, milliseconds
    #[arg(long, env = "HILUM_MAX_BATCH_WAIT_MS", default_value_t = 30)]
    pub max_batch_wait_ms: u64,
    /// Labels, highest score first, whose activation map is kept
    #[arg(long, env = "HILUM_MAPPED_LABELS", default_value_t = 3)]
    pub mapped_labels: usize,
    /// Seconds after which a forward pass counts as hung and the process ends, so that its work goes elsewhere
    #[arg(long, env = "HILUM_FORWARD_LIMIT_S", default_value_t = 60)]
    pub forward_limit_s: u64,
    /// Tries after which an image that can't be handled is parked
    #[arg(long, env = "HILUM_MAX_TRIES", default_value_t = 10)]
    pub max_tries: usize,
    /// Workers that may take an image and never answer before it is parked as poison
    #[arg(long, env = "HILUM_MAX_UNANSWERED", default_value_t = 3)]
    pub max_unanswered: u64,
}

impl Config {
    pub(crate) fn batches(&self) -> BatchSettings {
        BatchSettings {
            max_batch: self.max_batch,
            max_wait: Duration::from_millis(self.max_batch_wait_ms),
            ..BatchSettings::default()
        }
    }

    /// Twice a batch in hand: while one is in the model, the next is fetched and decoded.
    pub(crate) fn work(&self) -> WorkConfig {
        WorkConfig {
            consumers: vec!["infer-stat".to_owned(), "infer-routine".to_owned()],
            concurrency: self.max_batch.get().saturating_mul(2),
            handle_limit: Duration::from_secs(300),
            max_tries: self.max_tries,
            max_unanswered: self.max_unanswered,
            drain_limit: self.service.drain_limit(),
        }
    }
}
