//! The log itself: the connection to NATS, how far the log goes, and single facts of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::connection;
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{self, Context};
use futures::future::BoxFuture;
use hilum_streams::EVENTS;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::clock::{ServerClock, WallClock};
use super::error::{ConnectError, UnavailableError};
use super::knowledge::LogKnowledge;
use super::position::StreamPosition;
use super::recorded::{Recorded, of_answer};
use super::server::{LogServer, asked};
use super::standing::Standing;
use super::waiting::Waiting;

/// How long a request to the server may take. Appends to a stream that is synced on each write take up to a
/// second under load.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The name under which readiness reports a missing permission.
const FORBIDDEN: &str = "do what it has no permission for";

/// The log. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    pub(crate) client: async_nats::Client,
    pub(crate) context: Context,
    pub(crate) known: Arc<LogKnowledge>,
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) clock: ServerClock,
    /// What keeps the log, when that is not NATS.
    pub(crate) server: Option<Arc<dyn LogServer>>,
}

impl Log {
    /// Prepares the connection to `url`, or to any of several addresses with commas between them; a server that is
    /// not there yet is waited for in the background.
    ///
    /// # Errors
    /// When the address can't be used.
    pub fn connect<'a>(url: &'a str, service: &'a str) -> BoxFuture<'a, Result<Self, ConnectError>> {
        Self::connect_beside(url, service, Timestamp::now)
    }

    /// As [`Log::connect`], on a machine whose clock is `wall`.
    ///
    /// # Errors
    /// As [`Log::connect`].
    pub fn connect_beside<'a>(
        url: &'a str,
        service: &'a str,
        wall: WallClock,
    ) -> BoxFuture<'a, Result<Self, ConnectError>> {
        Box::pin(async move {
            let standing = Arc::<Standing>::default();
            let noted = standing.clone();
            let client = async_nats::ConnectOptions::new()
                .name(service)
                .event_callback(move |event| {
                    note_event(&noted, &event);
                    std::future::ready(())
                })
                .retry_on_initial_connect()
                .connection_timeout(REQUEST_TIMEOUT)
                .reconnect_delay_callback(|tries| Duration::from_millis(100 * (tries.min(10) as u64)))
                .connect(url.split(',').map(str::trim).collect::<Vec<_>>())
                .await
                .map_err(|source| ConnectError { url: url.to_owned(), source })?;
            let mut context = jetstream::new(client.clone());
            context.set_timeout(REQUEST_TIMEOUT);
            let clock = ServerClock::beside(wall);
            clock.keep_asking(context.clone());
            let (known, waiting) = (Arc::default(), Arc::default());
            Ok(Self { client, context, known, waiting, standing, clock, server: None })
        })
    }

    /// Whether the connection stands right now.
    pub fn is_connected(&self) -> bool {
        match &self.server {
            None => self.client.connection_state() == connection::State::Connected,
            Some(server) => server.is_connected(),
        }
    }

    /// Waits until the server answers and the event stream is there. `false` if `shutdown` came first.
    pub fn wait_until_usable<'a>(&'a self, shutdown: &'a CancellationToken) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let mut said = false;
            loop {
                let Err(error) = self.position().await else { return true };
                if !said {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "waiting for the event log");
                    said = true;
                }
                tokio::select! {
                    () = shutdown.cancelled() => return false,
                    () = tokio::time::sleep(Duration::from_millis(200)) => {}
                }
            }
        })
    }

    /// Which log this is and how far it goes.
    ///
    /// # Errors
    /// When the server does not answer or has no event stream.
    pub fn position(&self) -> BoxFuture<'_, Result<StreamPosition, UnavailableError>> {
        Box::pin(async move {
            if let Some(server) = &self.server {
                return asked("ask how far the log goes", server.position()).await;
            }
            let stream = self.events().await?;
            Ok(StreamPosition::of(stream.cached_info()))
        })
    }

    /// The newest fact under `filter`, read from the leader: what was acknowledged is seen.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn last<'a>(&'a self, filter: &'a str) -> BoxFuture<'a, Result<Option<Recorded>, UnavailableError>> {
        Box::pin(async move {
            if let Some(server) = &self.server {
                return asked("read the event log", server.last_fact(filter)).await;
            }
            let stream = self.context.get_stream_no_info(EVENTS).await;
            let stream = stream.map_err(UnavailableError::new("open the event stream"))?;
            let found = stream.get_last_raw_message_by_subject(filter).await;
            of_answer(found)
        })
    }

    /// The fact at `seq`, read from the leader.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn at(&self, seq: u64) -> BoxFuture<'_, Result<Option<Recorded>, UnavailableError>> {
        Box::pin(async move {
            if let Some(server) = &self.server {
                return asked("read the event log", server.fact_at(seq)).await;
            }
            let stream = self.context.get_stream_no_info(EVENTS).await;
            let stream = stream.map_err(UnavailableError::new("open the event stream"))?;
            of_answer(stream.get_raw_message(seq).await)
        })
    }

    /// The server's clock.
    pub fn clock(&self) -> &ServerClock {
        &self.clock
    }

    /// What time it is at the server, which is asked if it was not yet.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn server_time(&self) -> BoxFuture<'_, Result<Timestamp, UnavailableError>> {
        Box::pin(async move { self.clock.now_at(&self.context).await })
    }

    /// Counts connections: when it changes, requests that were open at the server are gone.
    pub(crate) fn connections(&self) -> u64 {
        match &self.server {
            None => self.client.statistics().connects.load(Ordering::Relaxed),
            Some(server) => server.connections(),
        }
    }

    pub(crate) async fn events(&self) -> Result<Stream, UnavailableError> {
        let stream = self.context.get_stream(EVENTS).await;
        stream.map_err(UnavailableError::new("open the event stream"))
    }
}

/// The server answers what this connection is not allowed to do by an event only: whoever asked gets no answer.
fn note_event(standing: &Standing, event: &async_nats::Event) {
    match event {
        async_nats::Event::ServerError(async_nats::ServerError::Other(text))
            if text.to_ascii_lowercase().contains("permissions violation") =>
        {
            let why = format!("{text}; give the user of this connection that permission");
            standing.fails(FORBIDDEN, why);
        }
        // Perhaps it may now.
        async_nats::Event::Connected => standing.holds(FORBIDDEN),
        event => tracing::debug!(%event, "connection to NATS"),
    }
}
