//! What can be chosen when a stack is started.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use hilum_sites::quiet_time;

use super::programs::{DELIVER, DICOM, DICOMWEB, WATCH};

/// Settings of `hilum up`.
#[derive(Debug, Clone, Args)]
pub struct UpSettings {
    /// Port of the base URL; 0 for any free one; by default that of the last start in this folder
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// Processes that read images, each with its own copy of the model
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub infer_workers: u16,
    /// Model folder; by default a demonstration model with random weights is made
    #[arg(long, value_name = "DIR", env = "HILUM_MODEL")]
    pub model: Option<PathBuf>,
    /// Seconds without a new image after which a study is reported; decimals are allowed
    #[arg(long, value_name = "N", env = "HILUM_QUIET_TIME_S", value_parser = quiet_time)]
    pub quiet_time_s: Option<Duration>,
    /// TOML file with the rules of the sites: when studies are complete, and which series images belong to
    #[arg(long, value_name = "FILE", env = "HILUM_SITES", value_parser = absolute)]
    pub sites: Option<PathBuf>,
    /// File of delivery targets and triage rules (docs/delivery.md); nothing is delivered and nothing flagged without it
    #[arg(long, value_name = "FILE", env = "HILUM_TARGETS", value_parser = absolute)]
    pub targets: Option<PathBuf>,
    /// Port on which senders of DICOM are listened to; 0 for any free one; by default that of the last start in this folder. No
    /// DICOM is taken without this or --dicom-aes
    #[arg(long, value_name = "N")]
    pub dicom_port: Option<u16>,
    /// TOML file with the AE titles to which DICOM may be sent and who may send it (docs/ways-in.md); without it the one title
    /// HILUM, for anybody who reaches the port
    #[arg(long, value_name = "FILE", env = "HILUM_DICOM_AES", value_parser = absolute)]
    pub dicom_aes: Option<PathBuf>,
    /// Take objects by DICOMweb (STOW-RS), at /dicom-web/studies of the base URL
    #[arg(long)]
    pub dicomweb: bool,
    /// TOML file with who may send by DICOMweb, and their tokens (docs/ways-in.md); DICOMweb is taken with it, too. Without it
    /// anybody who reaches the port may send
    #[arg(long, value_name = "FILE", env = "HILUM_DICOMWEB_SENDERS", value_parser = absolute)]
    pub dicomweb_senders: Option<PathBuf>,
    /// What DICOMweb hands out below /dicom-web to anybody who reaches the port (docs/dicomweb.md): off, which it is by default;
    /// identifiers; or full, with whole objects and patients' names
    #[arg(long, value_name = "WHAT", env = "HILUM_DICOMWEB_READ", value_parser = ["off", "identifiers", "full"],
        hide_possible_values = true)]
    pub dicomweb_read: Option<String>,
    /// TOML file of watched buckets and folders (docs/ways-in.md): images that are put there are read. Nothing is watched
    /// without it
    #[arg(long, value_name = "FILE", env = "HILUM_WATCHES", value_parser = absolute)]
    pub watches: Option<PathBuf>,
    /// File with the token of object stores that send notifications to /notifications; without it none are taken there, and
    /// watched places are only listed
    #[arg(long, value_name = "FILE", env = "HILUM_WATCH_TOKEN_FILE", value_parser = absolute)]
    pub watch_token_file: Option<PathBuf>,
    /// Where OpenTelemetry traces go, such as http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// Seconds that `--detach` waits, once uploads are taken, for the other parts to be ready too
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub ready_limit_s: u64,
    /// Wait for all parts however long they catch up, and give up when any of them ends again and again
    #[arg(long)]
    pub all_parts: bool,
    /// Environment variables of a stack in the background, beside those of this program.
    #[arg(skip)]
    pub environment: Vec<(&'static str, String)>,
}

impl UpSettings {
    /// Whether DICOM is taken.
    pub(crate) fn takes_dicom(&self) -> bool {
        self.dicom_port.is_some() || self.dicom_aes.is_some()
    }

    /// Whether objects are taken by DICOMweb.
    pub(crate) fn takes_dicomweb(&self) -> bool {
        self.dicomweb || self.dicomweb_senders.is_some()
    }

    /// Whether object stores may send notifications.
    pub(crate) fn takes_notifications(&self) -> bool {
        self.watches.is_some() && self.watch_token_file.is_some()
    }

    /// The services that are wanted besides those that every stack has.
    pub(crate) fn optional_services(&self) -> Vec<&'static str> {
        let wanted = [
            (DELIVER, self.targets.is_some()),
            (DICOM, self.takes_dicom()),
            (DICOMWEB, self.takes_dicomweb()),
            (WATCH, self.watches.is_some()),
        ];
        wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(service, _)| service).collect()
    }

    /// The same settings as arguments for another `hilum up`.
    pub fn to_arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec![
            "--infer-workers".into(),
            self.infer_workers.to_string().into(),
            "--ready-limit-s".into(),
            self.ready_limit_s.to_string().into(),
        ];
        if self.all_parts {
            arguments.push("--all-parts".into());
        }
        if self.dicomweb {
            arguments.push("--dicomweb".into());
        }
        let mut add = |flag: &str, value: Option<OsString>| {
            if let Some(value) = value {
                arguments.extend([flag.into(), value]);
            }
        };
        add("--port", self.port.map(|port| port.to_string().into()));
        add("--model", self.model.clone().map(PathBuf::into_os_string));
        add("--quiet-time-s", self.quiet_time_s.map(|quiet| quiet.as_secs_f64().to_string().into()));
        add("--sites", self.sites.clone().map(PathBuf::into_os_string));
        add("--targets", self.targets.clone().map(PathBuf::into_os_string));
        add("--dicom-port", self.dicom_port.map(|port| port.to_string().into()));
        add("--dicom-aes", self.dicom_aes.clone().map(PathBuf::into_os_string));
        add("--dicomweb-senders", self.dicomweb_senders.clone().map(PathBuf::into_os_string));
        add("--dicomweb-read", self.dicomweb_read.clone().map(OsString::from));
        add("--watches", self.watches.clone().map(PathBuf::into_os_string));
        add("--watch-token-file", self.watch_token_file.clone().map(PathBuf::into_os_string));
        add("--otlp-endpoint", self.otlp_endpoint.clone().map(OsString::from));
        arguments
    }
}

/// The services run in another folder.
fn absolute(path: &str) -> std::io::Result<PathBuf> {
    std::path::absolute(path)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        settings: UpSettings,
    }

    #[test]
    fn settings_survive_the_way_to_the_background() {
        let typed = [
            "up",
            "--port",
            "0",
            "--infer-workers",
            "3",
            "--model",
            "/m",
            "--quiet-time-s",
            "0.5",
            "--sites",
            "/s",
            "--targets",
            "targets.toml",
            "--dicom-port",
            "0",
            "--dicom-aes",
            "aes.toml",
            "--dicomweb",
            "--dicomweb-senders",
            "senders.toml",
            "--dicomweb-read",
            "identifiers",
            "--watches",
            "watches.toml",
            "--watch-token-file",
            "token",
            "--all-parts",
        ];
        let first = Typed::parse_from(typed).settings;
        let mut again: Vec<OsString> = vec!["up".into()];
        again.extend(first.to_arguments());
        let second = Typed::parse_from(again).settings;
        assert_eq!(format!("{first:?}"), format!("{second:?}"));
        assert_eq!(
            (second.port, second.infer_workers, second.quiet_time_s),
            (Some(0), 3, Some(Duration::from_millis(500)))
        );
        assert_eq!(second.optional_services(), [DELIVER, DICOM, DICOMWEB, WATCH]);
        assert!(second.takes_notifications());
        assert!(!UpSettings { watch_token_file: None, ..second.clone() }.takes_notifications());
        let quiet = |seconds| Typed::try_parse_from(["up", "--quiet-time-s", seconds]);
        assert_eq!(quiet("0").ok().and_then(|typed| typed.settings.quiet_time_s), Some(Duration::ZERO));
        // Said here rather than by a service that ends again and again.
        assert!(quiet("-1").is_err() && quiet("86401").is_err());
        assert_eq!(second.dicomweb_read.as_deref(), Some("identifiers"));
        assert!(Typed::try_parse_from(["up", "--dicomweb-read", "all"]).is_err());
        assert_eq!(second.sites, Some("/s".into()));
        assert!(second.targets.unwrap().is_absolute());
    }
}
