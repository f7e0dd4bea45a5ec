//! Why a fact was not appended.

use async_nats::jetstream::context::PublishError;

use super::error::UnavailableError;
use super::other_log::{OtherLog, SealError};
use super::recorded::Recorded;
use super::trouble::{Trouble, trouble_of};

/// The fact does not stand in the log, as far as is known.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another fact has the place.
    #[error("the place is taken by the event at position {}", .0.seq)]
    Taken(Box<Recorded>),
    /// The fact is longer than the log takes: no try will change that.
    #[error(
        "the fact {event} is {size_bytes} bytes long and the log takes {limit_bytes}: it was not sent; say less in one fact"
    )]
    TooLong {
        /// Name of the fact.
        event: &'static str,
        /// Its length.
        size_bytes: usize,
        /// The longest that is taken.
        limit_bytes: usize,
    },
    /// The log is not the one that was known: nothing may be written to it.
    #[error(transparent)]
    OtherLog(#[from] OtherLog),
    /// The server is away or did not acknowledge; trying again is safe.
    #[error("cannot append to the event log")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The log takes nothing until somebody makes room; then trying again helps.
    #[error(
        "the event log is full; make room on the disk of nats-server, or raise its max_file_store or the limits of stream \
         EVENTS"
    )]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server will not take this fact, however often it is tried.
    #[error("the event log refuses the fact")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl AppendError {
    /// Whether it passes by itself or by making room: the log takes no fact, and this says nothing about the one at hand.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full(_))
    }

    fn of(trouble: Trouble, source: Box<dyn std::error::Error + Send + Sync>) -> Self {
        match trouble {
            Trouble::Away => Self::Unavailable(source),
            Trouble::Full => Self::Full(source),
            Trouble::Refused => Self::Refused(source),
        }
    }
}

impl From<UnavailableError> for AppendError {
    fn from(error: UnavailableError) -> Self {
        Self::of(error.trouble(), error.into())
    }
}

impl From<PublishError> for AppendError {
    fn from(error: PublishError) -> Self {
        Self::of(trouble_of(&error), error.into())
    }
}

impl From<SealError> for AppendError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Mismatch(other) => Self::OtherLog(other),
            SealError::Unavailable(error) => error.into(),
        }
    }
}
