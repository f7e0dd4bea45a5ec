//! Settings of the ingest service.

use clap::Parser;
use hilum_intake::IntakeSettings;
use hilum_runtime::ServiceSettings;

/// Takes images in, checks and stores them, and says so in the event log.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Config {
    #[command(flatten)]
    pub(crate) service: ServiceSettings,
    #[command(flatten)]
    pub(crate) intake: IntakeSettings,
}
