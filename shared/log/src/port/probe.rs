//! Whether the log can be used now, for readiness and for those who are about to do what can't be undone.

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, Stream};
use futures::future::BoxFuture;

use super::append_error::AppendError;
use super::error::UnavailableError;
use super::gap::HoleError;
use super::log::Log;
use super::other_log::SealError;
use super::position::StreamPosition;
use super::server::asked;
use super::trouble::sentence;

const FULL: &str = "the event log is full; raise the limits of stream EVENTS";

/// Left free for facts whose length is not known before, bytes.
const ROOM_BYTES: u64 = 1 << 16;

impl Log {
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
            keeps_all(&stream.cached_info().config)?;
        }
        self.check_missing(&found).await.map_err(unavailable)?.map_err(|error| error.to_string())?;
        Ok(stream)
    }

    /// Whether the log takes facts, as far as its limits say, for those who are about to do what can't be undone and must
    /// be recorded.
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

/// Whether a stream that has to keep all it was given does.
///
/// # Errors
/// Says by which setting it would forget.
fn keeps_all(found: &Config) -> Result<(), String> {
    let forgets = match found {
        Config { retention, .. } if *retention != RetentionPolicy::Limits => {
            format!("its retention is {retention:?}")
        }
        Config { max_age, .. } if !max_age.is_zero() => format!("max_age is {max_age:?}"),
        Config { max_messages_per_subject: 1.., .. } => "max_messages_per_subject is set".to_owned(),
        Config { discard: DiscardPolicy::Old, max_messages: 1.., .. } => {
            "max_messages is set with discard old".to_owned()
        }
        Config { discard: DiscardPolicy::Old, max_bytes: 1.., .. } => {
            "max_bytes is set with discard old".to_owned()
        }
        _ => return Ok(()),
    };
    Err(format!("stream {} would forget facts: {forgets}; `hilum streams apply` sets it right", found.name))
}
