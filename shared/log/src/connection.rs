//! The connection to NATS and the questions one can ask the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::connection;
use async_nats::jetstream::stream::{self, RawMessageErrorKind, State, Stream};
use async_nats::jetstream::{self, Context};
use futures::future::BoxFuture;
use hilum_events::Envelope;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::append::AppendError;
use crate::clock::{ServerClock, WallClock};
use crate::definition;
use crate::loss::HoleError;
use crate::recorded::{Place, Recorded, timestamp};
use crate::same::{Known, SealError};
use crate::server::{LogServer, asked};
use crate::trouble::{Standing, Trouble, sentence, trouble_of};
use crate::waiting::Waiting;

/// How long a request to the server may take. Appends to a stream that is synced on each write take up to a
/// second under load.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

const FULL: &str = "the event log is full; raise the limits of stream EVENTS";

/// What readiness knows it by.
const FORBIDDEN: &str = "do what it has no permission for";

/// What is left free for facts of which nothing is said before.
const ROOM_BYTES: u64 = 1 << 16;

/// The log. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    pub(crate) client: async_nats::Client,
    pub(crate) context: Context,
    pub(crate) known: Arc<Known>,
    pub(crate) waiting: Arc<Waiting>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) clock: ServerClock,
    /// What keeps the log, when that is not NATS.
    pub(crate) server: Option<Arc<dyn LogServer>>,
}

/// The address can't be used at all; a server that is away is waited for instead.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the NATS address {url}")]
pub struct ConnectError {
    url: String,
    source: async_nats::ConnectError,
}

/// The server did not answer, or not as it should. Whether trying again may help, its [`Trouble`] tells.
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

/// Which log this is and how far it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPosition {
    /// When the stream was made: a stream made anew is another log.
    pub epoch: String,
    /// Position of the oldest message, 1 unless something was removed. That of the next one when there is none.
    pub first_seq: u64,
    /// Position of the newest message; 0 when empty.
    pub last_seq: u64,
    /// Positions between these two at which there is nothing, as far as the server knows.
    pub missing: u64,
}

impl StreamPosition {
    pub(crate) fn of(info: &stream::Info) -> Self {
        let State { first_sequence, last_sequence: last_seq, messages, .. } = info.state;
        let first_seq = if messages == 0 { last_seq + 1 } else { first_sequence };
        let missing = (last_seq + 1 - first_seq).saturating_sub(messages);
        Self { epoch: info.created.to_string(), first_seq, last_seq, missing }
    }
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

    /// Whether the log can be written and read now, for a service's readiness: it is there, it is the one it was, it has
    /// room, and the server refuses nothing that this process asks of it.
    ///
    /// # Errors
    /// Why not, as a sentence that says what to do.
    pub fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            if let Some(stream) = self.look().await? {
                room(&stream)?;
            }
            self.standing.check()
        })
    }

    /// Whether the log is there, and the one it was.
    ///
    /// # Errors
    /// Why not, as a sentence.
    pub(crate) async fn answers(&self) -> Result<(), String> {
        self.look().await.map(drop)
    }

    /// Looks at the log. Also notes how far it goes, for a process that writes seldom. Nothing comes of it behind another
    /// server than NATS.
    async fn look(&self) -> Result<Option<Stream>, String> {
        if !self.is_connected() {
            return Err("not connected to the NATS server".to_owned());
        }
        self.check_same().await.map_err(|error| sentence(&error))?;
        let (connection, before) = (self.connections(), self.known.before());
        let unavailable = |error: UnavailableError| sentence(&error);
        let stream = match &self.server {
            None => Some(self.events().await.map_err(unavailable)?),
            Some(_) => None,
        };
        let found = match &stream {
            Some(stream) => StreamPosition::of(stream.cached_info()),
            None => self.position().await.map_err(unavailable)?,
        };
        self.compare(before, &found, connection).await.map_err(|error| match error {
            SealError::Mismatch(other) => other.to_string(),
            SealError::Unavailable(error) => unavailable(error),
        })?;
        if let Some(gap) = self.hole() {
            return Err(HoleError(gap).to_string());
        }
        if let Some(stream) = &stream {
            definition::keeps_all(&stream.cached_info().config)?;
        }
        self.check_missing(&found).await.map_err(unavailable)?.map_err(|error| error.to_string())?;
        Ok(stream)
    }

    /// Whether the log takes facts, as far as its limits say, for who is about to do what can't be undone and must be
    /// told.
    ///
    /// # Errors
    /// [`AppendError::Full`] when it is full, [`AppendError::Unavailable`] when it does not answer.
    pub fn has_room(&self) -> BoxFuture<'_, Result<(), AppendError>> {
        Box::pin(async move {
            let has_room = match &self.server {
                None => room(&self.events().await?),
                Some(server) => {
                    let has_room = asked("ask whether the event log is full", server.has_room()).await?;
                    if has_room { Ok(()) } else { Err(FULL.to_owned()) }
                }
            };
            has_room.map_err(|why| AppendError::Full(why.into()))
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
            let stream = self.context.get_stream_no_info(definition::EVENTS).await;
            let stream = stream.map_err(UnavailableError::new("open the event stream"))?;
            let found = stream.get_last_raw_message_by_subject(filter).await;
            recorded(found)
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
            let stream = self.context.get_stream_no_info(definition::EVENTS).await;
            let stream = stream.map_err(UnavailableError::new("open the event stream"))?;
            recorded(stream.get_raw_message(seq).await)
        })
    }

    /// Counts connections: when it changes, requests that were open at the server are gone.
    pub(crate) fn connections(&self) -> u64 {
        match &self.server {
            None => self.client.statistics().connects.load(Ordering::Relaxed),
            Some(server) => server.connections(),
        }
    }

    pub(crate) async fn events(&self) -> Result<Stream, UnavailableError> {
        let stream = self.context.get_stream(definition::EVENTS).await;
        stream.map_err(UnavailableError::new("open the event stream"))
    }
}

/// Whether the limits of the stream leave room.
fn room(stream: &Stream) -> Result<(), String> {
    let info = stream.cached_info();
    let (config, state) = (&info.config, &info.state);
    let is_reached =
        |limit: i64, used: u64| u64::try_from(limit).is_ok_and(|limit| limit > 0 && used >= limit);
    if is_reached(config.max_messages, state.messages)
        || is_reached(config.max_bytes, state.bytes + ROOM_BYTES)
    {
        return Err(FULL.to_owned());
    }
    Ok(())
}

/// What this connection is not allowed to do is answered by an event, and by nothing where it was asked.
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

fn recorded(
    found: Result<jetstream::message::StreamMessage, jetstream::stream::RawMessageError>,
) -> Result<Option<Recorded>, UnavailableError> {
    match found {
        Ok(message) => {
            let place = Place {
                seq: message.sequence,
                subject: &message.subject,
                stored_at: timestamp(message.time.unix_timestamp_nanos()),
                pending: 0,
            };
            Ok(Some(Recorded::new(place, Some(&message.headers), message.payload)))
        }
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(UnavailableError::new("read the event log")(error)),
    }
}

impl Recorded {
    /// The fact, when this release can read it.
    pub fn envelope(&self) -> Option<&Envelope> {
        self.content.as_ref().ok()
    }
}
