//! What a service sees of handed-out work: an item to handle, and the ways in which that can fail.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use hilum_events::Envelope;

use super::need::Need;
use crate::port::{AppendError, Recorded, UnavailableError};

/// The longest wait of work that asks for no other.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// What a service does with a message. Must be idempotent: a message can come more than once.
pub trait Handle: Send + Sync + 'static {
    /// Does the work; `Ok` settles the message.
    fn handle(&self, item: &WorkItem) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Whether what the work needs, besides the log, is there; else what is away, as a sentence. Asked when a try
    /// failed: while something is away the message waits in hand and no try is counted.
    fn needs(&self) -> impl Future<Output = Result<(), String>> + Send {
        std::future::ready(Ok(()))
    }

    /// What this worker has of what only some workers have: it is handed the work that needs it. Always the same.
    fn has(&self) -> Option<Need> {
        None
    }

    /// How long what failed again and again waits at most before it is tried once more, ±30 %. Waits double from 1 s.
    fn longest_wait(&self) -> Duration {
        LONGEST_WAIT
    }
}

/// A handler of any type, so that the loop around it is compiled once, here, and not in each service.
pub(crate) trait AnyHandle: Send + Sync + 'static {
    /// See [`Handle::handle`].
    fn handle<'a>(&'a self, item: &'a WorkItem) -> BoxFuture<'a, Result<(), Failure>>;
    /// See [`Handle::needs`].
    fn needs(&self) -> BoxFuture<'_, Result<(), String>>;
    /// See [`Handle::has`].
    fn has(&self) -> Option<Need>;
    /// See [`Handle::longest_wait`].
    fn longest_wait(&self) -> Duration;
}

impl<H: Handle> AnyHandle for H {
    fn handle<'a>(&'a self, item: &'a WorkItem) -> BoxFuture<'a, Result<(), Failure>> {
        Handle::handle(self, item).boxed()
    }

    fn needs(&self) -> BoxFuture<'_, Result<(), String>> {
        Handle::needs(self).boxed()
    }

    fn has(&self) -> Option<Need> {
        Handle::has(self)
    }

    fn longest_wait(&self) -> Duration {
        Handle::longest_wait(self)
    }
}

/// A fact that was handed out as work.
#[derive(Debug)]
pub struct WorkItem {
    /// The fact with its place.
    pub recorded: Recorded,
    /// The fact.
    pub envelope: Envelope,
    /// How often it was handed out: 1 for the first time. More when a worker took it and never answered.
    pub deliveries: u64,
}

/// Why a message was not handled. Every error decides here what becomes of its message.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// This worker lacks what the work needs: it waits for one that has it, and was not tried.
    #[error("is for a worker with {}", .need.name())]
    Elsewhere {
        /// What it needs.
        need: Need,
    },
    /// The outside world failed: try again later.
    #[error("will be tried again")]
    Retry(#[source] Box<dyn Error + Send + Sync>),
    /// The outside world failed and said when it wants to be asked again: not before.
    #[error("will be tried again, not before {not_before:?} from now")]
    RetryLater {
        /// From now on.
        not_before: Duration,
        /// What it said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// This message can't be handled: keep its story and go on.
    #[error("cannot be handled")]
    Park(#[source] Box<dyn Error + Send + Sync>),
    /// The log or the code is wrong: nothing more may be done.
    #[error("must not go on")]
    Stop(#[source] Box<dyn Error + Send + Sync>),
}

impl From<AppendError> for Failure {
    /// Only a claim expects that its place may be taken; for every other fact it means that two different
    /// facts have one subject, which the ids rule out. What the server refuses once it refuses always.
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Unavailable(_) | AppendError::Full(_) => Self::Retry(error.into()),
            AppendError::TooLong { .. } | AppendError::Refused(_) => Self::Park(error.into()),
            AppendError::Taken(_) | AppendError::OtherLog(_) => Self::Stop(error.into()),
        }
    }
}

impl From<UnavailableError> for Failure {
    fn from(error: UnavailableError) -> Self {
        Self::Retry(error.into())
    }
}
