//! The settings of the service.

use clap::Parser;
use hilum_runtime::ServiceSettings;

use crate::dicomweb::access::Access;

/// Folds all events into Postgres and answers queries
#[derive(Clone, Parser)]
#[command(name = "hilum-projection", version)]
pub struct Config {
    /// What all services share.
    #[command(flatten)]
    pub service: ServiceSettings,
    /// Address of the Postgres database, such as postgres://user:password@host:5432/hilum; it is made when it
    /// is missing
    #[arg(long, env = "HILUM_DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// Where objects are kept: file:///folder or s3://bucket
    #[arg(long, env = "HILUM_STORE_URL")]
    pub store_url: String,
    /// What DICOMweb hands out below /dicom-web to anybody who reaches the API: off; identifiers, with attributes that say nothing
    /// of the patient and rendered pictures; or full, with whole objects and patients' names
    #[arg(long, env = "HILUM_DICOMWEB_READ", default_value = "off", hide_possible_values = true)]
    pub dicomweb_read: Access,
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
