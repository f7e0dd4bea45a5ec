//! Settings of the DICOMweb door.

use std::path::PathBuf;

use clap::Parser;
use hilum_events::Site;
use hilum_intake::IntakeSettings;
use hilum_runtime::ServiceSettings;

/// Takes images in by DICOMweb (STOW-RS)
#[derive(Debug, Parser)]
#[command(name = "hilum-dicomweb", version)]
pub struct Config {
    /// What all services share.
    #[command(flatten)]
    pub service: ServiceSettings,
    /// What all doors share.
    #[command(flatten)]
    pub intake: IntakeSettings,
    /// TOML file with who may send by DICOMweb, and their tokens (docs/ways-in.md). Without it anybody who reaches the port may
    #[arg(long, env = "HILUM_DICOMWEB_SENDERS", value_name = "FILE")]
    pub dicomweb_senders: Option<PathBuf>,
    /// Site of the images where there is no such file
    #[arg(long, env = "HILUM_DICOMWEB_SITE", value_name = "NAME", default_value = "default")]
    pub dicomweb_site: Site,
    /// Objects in one request
    #[arg(long, env = "HILUM_DICOMWEB_PARTS_MAX", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub parts_max: u32,
    /// Only check the settings and the file of senders, and end
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
