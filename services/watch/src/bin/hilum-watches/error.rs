//! What can go wrong: one sentence each, with what to do.

use std::io;
use std::path::PathBuf;

use hilum_watch::WatchesError;

/// A command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file of watches.
    #[error(transparent)]
    Watches(#[from] WatchesError),
    /// The file can't be written.
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },
    /// The stack whose log is asked.
    #[error(transparent)]
    Stack(#[from] hilum_stack::Error),
    /// Its log.
    #[error("the event log at {url} does not answer")]
    Log { url: String, source: hilum_log::UnavailableError },
    /// No object has this id.
    #[error("nothing that was given up has the id {0}; `hilum watch parked` lists what was")]
    Unknown(String),
}
