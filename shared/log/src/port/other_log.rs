//! How a log shows that it is not the one that was known.

use super::error::UnavailableError;

/// The log is not the one that was known before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OtherLog {
    /// The stream was made anew.
    #[error(
        "the event stream was made at {found}, but one made at {known} was in use here; restore that one"
    )]
    Epoch {
        /// When the stream was made.
        found: String,
        /// When the stream was made that was known.
        known: String,
    },
    /// The stream lost its end.
    #[error("the event stream ends at {found}, but it went to {known} before; restore it from a copy")]
    Shorter {
        /// Its last position.
        found: u64,
        /// The last position that is known.
        known: u64,
    },
    /// The stream lost its head.
    #[error(
        "the event stream begins at {found}, but it began at {known} before: what stood there was removed; restore it from a \
         copy, or accept the loss with `hilum log accept-loss`"
    )]
    Headless {
        /// Its first position.
        found: u64,
        /// The first position that is known.
        known: u64,
    },
    /// Another fact stands where a known one stood.
    #[error("position {seq} of the event stream holds another event than before; restore it from a copy")]
    Event {
        /// Its position.
        seq: u64,
    },
}

/// The log does not agree with its seal, or can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It is not the log that was sealed.
    #[error(transparent)]
    Mismatch(#[from] OtherLog),
    /// The server does not answer.
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
}
