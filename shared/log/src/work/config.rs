//! How a service works, and why it ends.

use std::error::Error;
use std::time::Duration;

/// How a service works.
#[derive(Debug, Clone)]
pub struct WorkConfig {
    /// Durable consumers, most urgent first. Each has a second one for its retries, and those that are declared so have
    /// lanes; the sites whose messages stand before a lane are served in turn.
    pub consumers: Vec<String>,
    /// Messages in hand at a time; a quarter of them, one at least, may be retries. Of several consumers the first may
    /// have a quarter more in hand, so that its messages wait for none of the others. Sites that have none in hand may
    /// together have another quarter, one each, so that their first one waits for no other site's.
    pub concurrency: usize,
    /// A message that takes longer than this is tried again.
    pub handle_limit: Duration,
    /// Tries after which a message that fails is parked.
    pub max_tries: usize,
    /// Workers that may take a message and never answer before it is parked as poison.
    pub max_unanswered: u64,
    /// After a stop, how long what is in hand may take; the rest is handed back.
    pub drain_limit: Duration,
}

/// Work ended other than by being asked to stop.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// A handler said that going on would do harm.
    #[error("stopped at position {seq} of the event log")]
    Stopped {
        /// The message.
        seq: u64,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}
