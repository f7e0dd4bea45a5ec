//! Settings of the watch service.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use hilum_intake::IntakeSettings;
use hilum_runtime::ServiceSettings;
use tokio::sync::Semaphore;

use crate::object::Unpacker;

/// Takes in the images that are put into watched buckets and folders
#[derive(Debug, Parser)]
#[command(name = "hilum-watch", version)]
pub struct Config {
    /// What all services share.
    #[command(flatten)]
    pub service: ServiceSettings,
    /// What all doors share.
    #[command(flatten)]
    pub intake: IntakeSettings,
    /// TOML file of the watches: which buckets and folders, and what their objects mean; nothing is watched without it
    #[arg(long, env = "HILUM_WATCHES", value_name = "FILE")]
    pub watches: Option<PathBuf>,
    /// File with the token that senders of notifications by HTTP must have; none are taken by HTTP without it
    #[arg(long, env = "HILUM_WATCH_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// File of delivery targets, to see that no watch finds what is delivered
    #[arg(long, env = "HILUM_TARGETS", value_name = "FILE")]
    pub targets: Option<PathBuf>,
    /// Objects of each priority that are fetched at a time
    #[arg(long, env = "HILUM_WATCH_AT_ONCE", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub at_once: u16,
    /// Seconds between two lists of each watched bucket, which find what was never notified
    #[arg(long, env = "HILUM_WATCH_LIST_EVERY_S", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub list_every_s: u64,
    /// Seconds before the newest object that was seen from which on listed objects are looked up again: an upload that takes
    /// long appears with the time at which it began
    #[arg(long, env = "HILUM_WATCH_OVERLAP_S", default_value_t = 86_400)]
    pub overlap_s: u64,
    /// Seconds for which an object is tried again while its store fails; then it is parked
    #[arg(long, env = "HILUM_WATCH_GIVE_UP_AFTER_S", default_value_t = 86_400)]
    pub give_up_after_s: u64,
    /// Longest zip archive that is unpacked, bytes
    #[arg(long, env = "HILUM_WATCH_ARCHIVE_MAX_BYTES", default_value_t = 2 << 30)]
    pub archive_max_bytes: u64,
    /// Folder in which an archive lies while it is unpacked; by default that for temporary files
    #[arg(long, env = "HILUM_WATCH_UNPACK_FOLDER", value_name = "FOLDER")]
    pub unpack_folder: Option<PathBuf>,
    /// Only check the file of watches and end
    #[arg(long)]
    pub check: bool,
}

impl Config {
    pub(crate) fn list_every(&self) -> Duration {
        Duration::from_secs(self.list_every_s)
    }

    pub(crate) fn overlap(&self) -> Duration {
        Duration::from_secs(self.overlap_s)
    }

    pub(crate) fn unpacker(&self) -> Unpacker {
        let folder = self.unpack_folder.clone().unwrap_or_else(std::env::temp_dir);
        Unpacker {
            folder: folder.into(),
            max_bytes: self.archive_max_bytes,
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    pub(crate) fn give_up_after(&self) -> Duration {
        Duration::from_secs(self.give_up_after_s)
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
