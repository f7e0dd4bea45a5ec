//! Why the server did not do what it was asked.

use super::trouble::{Trouble, trouble_of};

/// The address can't be used at all; a server that is away is waited for instead.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the NATS address {url}")]
pub struct ConnectError {
    pub(crate) url: String,
    pub(crate) source: async_nats::ConnectError,
}

/// The server did not answer, or not as it should. Its [`Trouble`] says whether trying again may help.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation}")]
pub struct UnavailableError {
    operation: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl UnavailableError {
    pub(crate) fn new<E>(operation: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Self { operation, source: source.into() }
    }

    /// What kind of trouble it is.
    pub fn trouble(&self) -> Trouble {
        trouble_of(&*self.source)
    }
}
