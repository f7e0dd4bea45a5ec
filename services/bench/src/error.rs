//! What can go wrong in a benchmark: one sentence each, with what to do.

use std::io;
use std::path::PathBuf;

/// A benchmark came to no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file or folder can't be used.
    #[error("cannot {operation} {path}")]
    File { operation: &'static str, path: PathBuf, source: io::Error },
    /// What a program wrote is not what it should be.
    #[error("{path} is not understood: {reason}")]
    Content { path: PathBuf, reason: String },
    /// The stack that is measured.
    #[error(transparent)]
    Stack(#[from] hilum_stack::Error),
    /// Its API.
    #[error(transparent)]
    Client(#[from] hilum_client::Error),
    /// Signals can't be listened to.
    #[error("cannot {operation}")]
    System { operation: &'static str, source: io::Error },
    /// There was nothing to measure, or it went wrong.
    #[error("nothing was measured: {0}")]
    Unmeasured(String),
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
