//! What is wrong with the file of titles, for whoever wrote it.

use std::path::PathBuf;

use hilum_sites::Fault;

/// The file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum EntitiesError {
    /// It can't be read.
    #[error("cannot read the AE titles from {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It has a fault.
    #[error("the AE titles in {path} can't be used")]
    Content {
        /// The file.
        path: PathBuf,
        /// Which.
        source: Fault,
    },
}
