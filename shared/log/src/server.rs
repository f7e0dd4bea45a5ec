//! A server other than NATS behind a [`Log`]: the one in memory with which the simulation runs the real services without a
//! server, in simulated time (`tests/simulation`). One contract suite runs on both. Whatever decides stays in front of it,
//! in this crate and in the services; behind it stand only messages, their places, and time.

use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{self, Context, ErrorCode};
use bytes::Bytes;
use futures::future::{BoxFuture, Either, select};
use serde_json::json;

use crate::advisory::Advisory;
use crate::clock::ServerClock;
use crate::connection::{Log, StreamPosition, UnavailableError};
use crate::queues::ConsumerPosition;
use crate::recorded::Recorded;
use hilum_retry::Attempts;

/// What a [`Log`] asks of its server. Each call is one step: the server does it whole, or the caller ended before.
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

/// A client of NATS that is connected to nothing and never will be: what is asked of it, and not of the [`LogServer`], ends
/// in a panic, for it runs nowhere.
static NOWHERE: LazyLock<(async_nats::Client, Context)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime without threads needs nothing");
    let made = runtime.block_on(async {
        let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
        let client = options.connect("127.0.0.1:1").await.expect("it is not waited for");
        let context = jetstream::new(client.clone());
        (client, context)
    });
    // Its tasks stay where they are: nobody runs them.
    std::mem::forget(runtime);
    made
});

impl Log {
    /// A log that `server` keeps. Each process has its own: what it knows of the log is kept with it.
    pub fn kept_by(server: Arc<dyn LogServer>) -> Self {
        let (client, context) = NOWHERE.clone();
        Self {
            client,
            context,
            known: Arc::default(),
            waiting: Arc::default(),
            standing: Arc::default(),
            clock: ServerClock::default(),
            server: Some(server),
        }
    }

    /// How long an append is tried before its caller is told that it failed.
    pub(crate) fn patience(&self) -> Attempts {
        // Behind another server the caller is a simulation, which has its own idea of when it is tried again.
        if self.server.is_some() { Attempts::ONCE } else { Attempts::BRIEF }
    }

    /// Waits.
    pub(crate) async fn pause(&self, wait: Duration) {
        match &self.server {
            None => tokio::time::sleep(wait).await,
            Some(server) => server.pause(wait).await,
        }
    }

    /// Waits before try `number` of what is tried until it succeeds.
    pub(crate) async fn pause_before(&self, attempts: Attempts, number: u64) {
        self.pause(self.wait_before(attempts, number)).await;
    }

    /// The wait before try `number`; with jitter where several machines may fail together.
    pub(crate) fn wait_before(&self, attempts: Attempts, number: u64) -> Duration {
        match &self.server {
            None => attempts.jittered_wait_before(number),
            Some(_) => attempts.wait_before(number),
        }
    }

    /// What comes of `work`; `None` when it takes longer than `limit`.
    pub(crate) async fn within<T>(&self, limit: Duration, work: BoxFuture<'_, T>) -> Option<T> {
        match &self.server {
            None => tokio::time::timeout(limit, work).await.ok(),
            Some(server) => match select(work, server.pause(limit)).await {
                Either::Left((done, _)) => Some(done),
                Either::Right(_) => None,
            },
        }
    }
}

impl Publish {
    /// As NATS would answer.
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
