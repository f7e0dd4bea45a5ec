//! What is wrong with the file of watches, for whoever wrote it.

use std::path::PathBuf;

use hilum_sites::Fault;

/// The file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum WatchesError {
    /// It can't be read.
    #[error("cannot read the watches from {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It has a fault.
    #[error("the watches in {path} can't be used")]
    Content {
        /// The file.
        path: PathBuf,
        /// Which.
        source: Fault,
    },
    /// Hilum writes where it watches.
    #[error(
        "the watch {watch} would find what Hilum itself writes ({what}), and have it read again and again; watch another prefix or \
         bucket"
    )]
    Loop {
        /// The watch.
        watch: String,
        /// What is written there.
        what: String,
    },
    /// The file of delivery targets, which says where Hilum writes, can't be read.
    #[error("cannot read the targets in {path}, to see that no watch finds what is delivered")]
    Targets {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no TOML.
    #[error("the targets in {path} are no TOML; `hilum-deliver --check` tells more")]
    TargetsContent {
        /// The file.
        path: PathBuf,
    },
}
