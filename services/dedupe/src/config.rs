//! Settings of the dedupe service.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use hilum_log::WorkConfig;
use hilum_runtime::{OldName, ServiceSettings};

/// What infer had settings of the same names for.
pub const OLD_NAMES: [OldName; 2] = [
    OldName { setting: "max_tries", variable: "HILUM_MAX_TRIES" },
    OldName { setting: "max_unanswered", variable: "HILUM_MAX_UNANSWERED" },
];

/// Decides by content hash whether an image needs a reading or shares one.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Config {
    /// What all services have.
    #[command(flatten)]
    pub service: ServiceSettings,
    /// Folder of the model that reads the images: its identity is part of what makes two readings the same
    #[arg(long, env = "HILUM_MODEL")]
    pub model: PathBuf,
    /// Where the seal of the event log is kept, beside the images: file:///folder or s3://bucket
    #[arg(long, env = "HILUM_STORE_URL")]
    pub store_url: String,
    /// Images in hand at a time
    #[arg(long, env = "HILUM_CONCURRENCY", default_value_t = 32)]
    concurrency: usize,
    /// Tries after which an image that can't be handled is parked
    #[arg(long, env = "HILUM_DEDUPE_MAX_TRIES", default_value_t = 10)]
    max_tries: usize,
    /// Workers that may take an image and never answer before it is parked as poison
    #[arg(long, env = "HILUM_DEDUPE_MAX_UNANSWERED", default_value_t = 3)]
    max_unanswered: u64,
}

impl Config {
    /// How the service works.
    pub fn work(&self) -> WorkConfig {
        WorkConfig {
            consumers: vec!["dedupe".to_owned()],
            concurrency: self.concurrency.max(1),
            handle_limit: Duration::from_secs(60),
            max_tries: self.max_tries,
            max_unanswered: self.max_unanswered,
            drain_limit: self.service.drain_limit(),
        }
    }
}
