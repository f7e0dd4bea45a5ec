//! Settings of the report service.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use hilum_runtime::ServiceSettings;
use hilum_sites::{Sites, SitesError, quiet_time};

use crate::shell::Pace;

/// Some 20,000 facts: all that happens to thousands of images.
const REMEMBER_BYTES: usize = 64 << 20;

/// Gathers the readings of a study and issues its report
#[derive(Debug, Parser)]
#[command(name = "hilum-report", version)]
pub struct Config {
    /// What all services share.
    #[command(flatten)]
    pub service: ServiceSettings,
    /// Where objects are kept: file:///folder or s3://bucket
    #[arg(long, env = "HILUM_STORE_URL")]
    pub store_url: String,
    /// TOML file with the rules of the sites: when the studies of each are reported
    #[arg(long, env = "HILUM_SITES", value_name = "FILE")]
    sites: Option<PathBuf>,
    /// Seconds without a new image after which a study is reported, where its site does not say; decimals are allowed
    #[arg(long, env = "HILUM_QUIET_TIME_S", default_value = "10", value_parser = quiet_time)]
    quiet_time_s: Duration,
    /// Most images of a study that its report shows, as ingest has it; the report says so when more came
    #[arg(long, env = "HILUM_STUDY_IMAGES_MAX", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    study_images_max: u32,
    /// Studies whose reports are made at a time
    #[arg(long, env = "HILUM_STUDIES_AT_ONCE", default_value_t = 4)]
    studies_at_once: usize,
}

impl Config {
    /// How the service paces its work.
    ///
    /// # Errors
    /// When the rules of the sites can't be used.
    pub fn pace(&self) -> Result<Pace, SitesError> {
        Ok(Pace {
            quiet: self.quiet_time_s,
            sites: Sites::read(self.sites.as_deref())?,
            study_images_max: self.study_images_max,
            studies_at_once: self.studies_at_once.max(1),
            drain_limit: self.service.drain_limit(),
            remember_bytes: REMEMBER_BYTES,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_well_formed() {
        use clap::CommandFactory as _;
        Config::command().debug_assert();
    }
}
