//! What can go wrong in a command: one sentence each, with what to do. Knows nothing of how it is shown.

use std::io;
use std::path::PathBuf;

/// A command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file or folder can't be used.
    #[error("cannot {operation} {path}")]
    File { operation: &'static str, path: PathBuf, source: io::Error },
    /// A stack.
    #[error(transparent)]
    Stack(#[from] hilum_stack::Error),
    /// The API of a stack.
    #[error(transparent)]
    Client(#[from] hilum_client::Error),
    /// The rules of the sites.
    #[error(transparent)]
    Sites(#[from] hilum_sites::SitesError),
    /// The server has no event log, and there was one.
    #[error(
        "the event log is missing: its seal tells of {facts} facts. Applying the definitions would make an empty log; restore \
         the stream EVENTS, or the folder of nats-server, from a copy"
    )]
    LogMissing { facts: u64 },
    /// A report did not come.
    #[error(
        "the report of study {study} is not there after {limit_s} s; try again, or see `hilum study {study}`"
    )]
    NoReport { study: String, limit_s: u64 },
    /// A choice the command can't make alone.
    #[error("{0}")]
    Usage(String),
}

impl Error {
    /// For `map_err`: what was done to which file.
    pub(crate) fn file(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { operation, path, source }
    }
}
