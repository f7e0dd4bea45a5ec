//! Settings of the reading service.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use hilum_log::WorkConfig;
use hilum_runtime::{OldName, ServiceSettings};

use crate::choice::chosen::Chosen;
use crate::choice::options::EngineOptions;
use crate::queue::batcher::BatchSettings;
use crate::queue::worker::ModelWorker;

/// What ingest and dedupe had settings of the same names for.
pub const OLD_NAMES: [OldName; 3] = [
    OldName { setting: "decoders", variable: "HILUM_DECODERS" },
    OldName { setting: "max_tries", variable: "HILUM_MAX_TRIES" },
    OldName { setting: "max_unanswered", variable: "HILUM_MAX_UNANSWERED" },
];

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
    /// What computes.
    #[command(flatten)]
    pub engine: EngineOptions,
    /// Child processes that decode and prepare images; by default one for each core
    #[arg(long, value_name = "N", env = "HILUM_IMAGE_DECODERS")]
    pub decoders: Option<NonZeroUsize>,
    /// Longest wait for more images of a batch, milliseconds; never longer than a forward pass takes
    #[arg(long, env = "HILUM_MAX_BATCH_WAIT_MS", default_value_t = 30)]
    pub max_batch_wait_ms: u64,
    /// Labels, highest score first, whose activation map is kept
    #[arg(long, env = "HILUM_MAPPED_LABELS", default_value_t = 3)]
    pub mapped_labels: usize,
    /// Seconds after which a forward pass counts as hung and the process ends, so that its work goes elsewhere
    #[arg(long, env = "HILUM_FORWARD_LIMIT_S", default_value_t = 60)]
    pub forward_limit_s: u64,
    /// Tries after which an image that can't be handled is parked
    #[arg(long, env = "HILUM_INFER_MAX_TRIES", default_value_t = 10)]
    pub max_tries: usize,
    /// Workers that may take an image and never answer before it is parked as poison
    #[arg(long, env = "HILUM_INFER_MAX_UNANSWERED", default_value_t = 3)]
    pub max_unanswered: u64,
}

impl Config {
    /// Batches of the chosen engine. Waiting longer for company than a pass takes gains nothing. What is in hand has its
    /// place among those that wait: before a full queue a site's first image would wait behind all others.
    pub(crate) fn batches(&self, chosen: &Chosen) -> BatchSettings {
        let in_hand = self.in_hand(chosen.max_batch, chosen.engines.len());
        BatchSettings {
            max_batch: chosen.max_batch,
            max_wait: Duration::from_millis(self.max_batch_wait_ms).min(chosen.pass),
            // Sites with nothing in hand may have a quarter more in hand than the rest, and urgent images another quarter.
            queue_len: NonZeroUsize::MIN.saturating_add(in_hand + in_hand / 2 + 1),
        }
    }

    pub(crate) fn decoders(&self) -> NonZeroUsize {
        self.decoders.unwrap_or(self.engine.cores)
    }

    /// So many images in hand that every engine has its next batch while it reads one, and every decoder has its next
    /// file while it decodes one.
    fn in_hand(&self, max_batch: NonZeroUsize, replicas: usize) -> usize {
        (max_batch.get().saturating_mul(replicas) + self.decoders().get()).saturating_mul(2)
    }

    /// Urgent images come first, and a few more of them are taken when the hands are full.
    pub(crate) fn work(&self, worker: &ModelWorker) -> WorkConfig {
        WorkConfig {
            consumers: vec!["infer-stat".to_owned(), "infer-routine".to_owned()],
            concurrency: self.in_hand(worker.max_batch(), worker.replicas()),
            handle_limit: Duration::from_secs(300),
            max_tries: self.max_tries,
            max_unanswered: self.max_unanswered,
            drain_limit: self.service.drain_limit(),
        }
    }
}
