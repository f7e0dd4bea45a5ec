//! What goes wrong between us and a target. Nothing here is in a target's own words, which may name the patient: statuses
//! and codes only.

use std::error::Error;
use std::io;
use std::time::Duration;

use hilum_blobs::OpenError;
use hilum_dicom::TransferError;

/// Why the target did not take the shipment.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It is away, busy or failed: trying again later may help.
    #[error("{what}")]
    Failed {
        /// What happened.
        what: String,
        /// How the system names what happened to the connection, if it does.
        source: Option<io::Error>,
        /// How long it wants to be left alone.
        not_before: Option<Duration>,
    },
    /// It won't take this shipment, however often it is tried.
    #[error("{what}")]
    Refused {
        /// What it said.
        what: String,
    },
}

impl SendError {
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::Failed { what: what.into(), source: None, not_before: None }
    }

    /// Keeps of `cause` only what kind of error the system says it is: libraries put what was received into their errors.
    pub(crate) fn failed_because(what: &str, cause: &(dyn Error + 'static)) -> Self {
        let source = system_error(cause).map(io::Error::from);
        Self::Failed { what: what.to_owned(), source, not_before: None }
    }

    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self::Refused { what: what.into() }
    }
}

impl From<TransferError> for SendError {
    fn from(error: TransferError) -> Self {
        Self::refused(error.to_string())
    }
}

/// The kind of the system's error that led to this one.
fn system_error(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let mut kind = None;
    let mut next = Some(error);
    while let Some(error) = next {
        kind = error.downcast_ref::<io::Error>().map(io::Error::kind).or(kind);
        next = error.source();
    }
    kind
}

/// Why a target's settings lead to no sender.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// No HTTP client can be made.
    #[error("cannot prepare an HTTP client")]
    Http(#[from] reqwest::Error),
    /// The storage can't be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
}
