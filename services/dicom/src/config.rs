//! Settings of the DICOM door.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use hilum_intake::IntakeSettings;
use hilum_runtime::ServiceSettings;

/// Whether clients have to show a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ClientCertificates {
    /// Without one there is no connection.
    #[default]
    Required,
    /// One that is shown is checked.
    Optional,
}

/// Takes images in by DICOM (C-STORE), and answers C-ECHO
#[derive(Debug, Parser)]
#[command(name = "hilum-dicom", version)]
pub struct Config {
    /// What all services share.
    #[command(flatten)]
    pub service: ServiceSettings,
    /// What all doors share.
    #[command(flatten)]
    pub intake: IntakeSettings,
    /// Address on which senders of DICOM are listened to
    #[arg(long, env = "HILUM_DICOM_LISTEN", default_value = "127.0.0.1:11112")]
    pub dicom_listen: SocketAddr,
    /// TOML file with the AE titles that the door answers to and who may call them (docs/ways-in.md). Without it there is the one
    /// title HILUM, for anybody who reaches the port
    #[arg(long, env = "HILUM_DICOM_AES", value_name = "FILE")]
    pub dicom_aes: Option<PathBuf>,
    /// Associations at a time; one more is refused for now (local limit exceeded)
    #[arg(long, env = "HILUM_DICOM_ASSOCIATIONS_MAX", default_value_t = 64)]
    pub associations_max: usize,
    /// Longest PDU of data that a sender may send. Longer ones cost fewer turns and more memory for each association
    #[arg(long, env = "HILUM_DICOM_PDU_MAX_BYTES", default_value_t = 131072, value_parser = clap::value_parser!(u32).range(4096..=1048576))]
    pub pdu_max_bytes: u32,
    /// Time from a connection to its request for an association, with its TLS if there is
    #[arg(long, env = "HILUM_DICOM_REQUEST_LIMIT_S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub request_limit_s: u64,
    /// Time without a message after which an association is ended. Within a message HILUM_SILENCE_LIMIT_S counts
    #[arg(long, env = "HILUM_DICOM_IDLE_LIMIT_S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub idle_limit_s: u64,
    /// PEM file with the door's certificate and those that lead to its authority; with it the port takes TLS only
    #[arg(long = "dicom-tls-certificate", env = "HILUM_DICOM_TLS_CERTIFICATE", value_name = "FILE")]
    pub tls_certificate: Option<PathBuf>,
    /// PEM file with the key of that certificate
    #[arg(long = "dicom-tls-key", env = "HILUM_DICOM_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// PEM file with the authorities that certificates of clients must come from; without it none is asked for
    #[arg(long = "dicom-tls-client-ca", env = "HILUM_DICOM_TLS_CLIENT_CA", value_name = "FILE")]
    pub tls_client_ca: Option<PathBuf>,
    /// Whether clients must show such a certificate: required or optional
    #[arg(
        long = "dicom-tls-clients",
        env = "HILUM_DICOM_TLS_CLIENTS",
        value_enum,
        default_value = "required"
    )]
    pub tls_clients: ClientCertificates,
    /// Only check the settings and the file of AE titles, and end
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
