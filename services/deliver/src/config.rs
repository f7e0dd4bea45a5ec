//! Settings of the deliver service.

use std::path::PathBuf;

use clap::Parser;
use hilum_runtime::ServiceSettings;

/// Delivers reports and flags to their targets, and flags studies by the rules of the site
#[derive(Debug, Parser)]
#[command(name = "hilum-deliver", version)]
pub struct Config {
    /// What all services share.
    #[command(flatten)]
    pub service: ServiceSettings,
    /// Where objects are kept: file:///folder or s3://bucket
    #[arg(long, env = "HILUM_STORE_URL")]
    pub store_url: String,
    /// File of targets and triage rules (docs/delivery.md); nothing is delivered and nothing flagged without it
    #[arg(long, env = "HILUM_TARGETS", value_name = "FILE")]
    pub targets: Option<PathBuf>,
    /// Only check the file of targets and end
    #[arg(long)]
    pub check: bool,
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
