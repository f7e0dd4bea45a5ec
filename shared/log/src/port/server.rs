//! A server other than NATS behind a [`crate::Log`]: the one in memory with which the simulation runs the real services without a
//! server, in simulated time (`tests/simulation`). One contract suite runs on both. Whatever decides stays in front of it,
//! in this crate and in the services; behind it stand only messages, their places, and time.

use std::future::Future;
use std::time::Duration;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{self, ErrorCode};
use bytes::Bytes;
use futures::future::BoxFuture;
use hilum_streams::{Advisory, ConsumerPosition};
use serde_json::json;

use super::error::UnavailableError;
use super::position::StreamPosition;
use super::recorded::Recorded;

/// What a [`crate::Log`] asks of its server. Each call is one step: the server does it whole, or the caller ended before.
pub trait LogServer: Send + Sync {
    /// Whether it can be reached now.
    fn is_connected(&self) -> bool;
    /// Another number each time that the connection was lost and made anew.
    fn connections(&self) -> u64;
    /// Which log it keeps and how far that goes.
    fn position(&self) -> BoxFuture<'_, Result<StreamPosition, AwayError>>;
    /// Whether the log takes another fact, as far as its limits say.
    fn has_room(&self) -> BoxFuture<'_, Result<bool, AwayError>>;
    /// Writes a message to the stream that takes its subject.
    fn publish(&self, message: Publish) -> BoxFuture<'_, Result<Published, PublishFailure>>;
    /// Has `ticket` written to the subject `due` after `wait`; replaces what waits under the same `later`.
    fn schedule(
        &self,
        later: String,
        due: String,
        ticket: Bytes,
        wait: Duration,
    ) -> BoxFuture<'_, Answer<()>>;
    /// The newest fact under `filter`.
    fn last_fact<'a>(&'a self, filter: &'a str) -> BoxFuture<'a, Answer<Option<Recorded>>>;
    /// The fact at `seq`.
    fn fact_at(&self, seq: u64) -> BoxFuture<'_, Answer<Option<Recorded>>>;
    /// How many facts stand under these filters.
    fn count_facts<'a>(&'a self, filters: &'a [&'a str]) -> BoxFuture<'a, Answer<usize>>;
    /// Waits for the first fact under `filters` (any when empty) behind `after_seq`.
    fn next_fact<'a>(&'a self, after_seq: u64, filters: &'a [String]) -> BoxFuture<'a, Answer<Recorded>>;
    /// Position and payload of the newest message of `stream` under `filter`.
    fn last_message<'a>(
        &'a self,
        stream: &'a str,
        filter: &'a str,
    ) -> BoxFuture<'a, Answer<Option<(u64, Bytes)>>>;
    /// Removes the messages of `stream` under `filter`.
    fn remove<'a>(&'a self, stream: &'a str, filter: &'a str) -> BoxFuture<'a, Answer<()>>;
    /// How far each consumer of the log has come.
    fn consumer_positions(&self) -> BoxFuture<'_, Answer<Vec<ConsumerPosition>>>;
    /// What it said of messages that it does not hand out any more, behind position `seq` of what it said.
    fn advisories_after(&self, seq: u64) -> BoxFuture<'_, Answer<Vec<Advisory>>>;
    /// Waits, in the server's time.
    fn pause(&self, wait: Duration) -> BoxFuture<'_, ()>;
}

/// What a server answers.
pub type Answer<T> = Result<T, AwayError>;

/// A message to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Where it is to stand.
    pub subject: String,
    /// Its bytes.
    pub payload: Bytes,
    /// A second one with the same is taken for the first, for a while.
    pub message_id: Option<String>,
    /// The newest message under this filter must stand at this position; 0 when none may stand there.
    pub expected_last: Option<(String, u64)>,
}

/// A message stands in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Its position.
    pub seq: u64,
    /// It stood there before, by its id.
    pub is_duplicate: bool,
}

/// A message was not written, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishFailure {
    /// Something else is the newest message under the filter.
    WrongLast,
    /// No answer.
    Away,
    /// No room.
    Full,
}

/// The server does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server does not answer")]
pub struct AwayError;

impl Publish {
    /// Publishes it, with the answer or error that NATS would give.
    pub(crate) async fn to(self, server: &dyn LogServer) -> Result<PublishAck, PublishError> {
        let published = server.publish(self).await.map_err(|failure| match failure {
            PublishFailure::WrongLast => PublishError::new(PublishErrorKind::WrongLastSequence),
            PublishFailure::Away => PublishError::new(PublishErrorKind::TimedOut),
            PublishFailure::Full => PublishError::with_source(PublishErrorKind::Other, full()),
        })?;
        Ok(PublishAck {
            stream: String::new(),
            sequence: published.seq,
            domain: String::new(),
            duplicate: published.is_duplicate,
            value: None,
        })
    }
}

/// What NATS says when there is no room.
fn full() -> jetstream::Error {
    let answer = json!({ "code": 503, "err_code": ErrorCode::STREAM_STORE_FAILED, "description": "no room" });
    serde_json::from_value(answer).expect("it is an error of JetStream")
}

/// An answer, with what it was asked for.
pub(crate) async fn asked<T>(
    operation: &'static str,
    answer: impl Future<Output = Answer<T>>,
) -> Result<T, UnavailableError> {
    answer.await.map_err(UnavailableError::new(operation))
}
