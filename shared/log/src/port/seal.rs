//! Whether the log is still the one that this process, or another before it, has known. A log that was cut off or
//! replaced would take new facts under old positions, and two stories would mix: nothing may be written to it.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, TryFutureExt as _};
use hilum_events::EventId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::append_error::AppendError;
use super::error::UnavailableError;
use super::knowledge::{Before, ReadSeal};
use super::log::Log;
use super::other_log::{OtherLog, SealError};
use super::position::StreamPosition;
use super::recorded::Recorded;
use super::trouble::sentence;

/// Name of the record in object storage that holds the seal.
pub const SEAL_RECORD: &str = "log-seal.json";

/// Pause between two tries to read the seal.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How long one try may take: a request for readiness waits for it.
const READ_SEAL_WITHIN: Duration = Duration::from_secs(3);

/// How far which log is known to go, kept outside of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// When the stream was made: a stream made anew is another log.
    pub epoch: String,
    /// Position of the oldest fact. Seals of older releases did not say: nothing had been removed.
    #[serde(default = "first")]
    pub first_seq: u64,
    /// Position of the newest fact.
    pub seq: u64,
    /// Its id, when it could be read.
    pub event_id: Option<EventId>,
    /// When this was written, by the server's clock.
    pub sealed_at: Timestamp,
}

fn first() -> u64 {
    1
}

/// The seal can't be read, so that nobody knows whether this is the log.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the seal of the event log, without which nothing is written to it")]
struct UnreadSealError(#[source] Box<dyn Error + Send + Sync>);

impl From<UnreadSealError> for AppendError {
    fn from(error: UnreadSealError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// The seal, if there is one.
async fn seal_read_by(read_seal: &ReadSeal) -> Result<Option<Seal>, UnreadSealError> {
    let record = match tokio::time::timeout(READ_SEAL_WITHIN, read_seal()).await {
        Ok(record) => record.map_err(UnreadSealError)?,
        Err(late) => return Err(UnreadSealError(late.into())),
    };
    let seal = record.map(|record| serde_json::from_slice(&record)).transpose();
    seal.map_err(|error| UnreadSealError(error.into()))
}

impl Log {
    /// Looks, once on each connection, whether the log is still the one that was sealed and that this process knows.
    pub(crate) async fn check_same(&self) -> Result<(), AppendError> {
        let connection = self.connections();
        if self.known.connection() == connection {
            return Ok(());
        }
        Box::pin(self.look_anew(connection)).await
    }

    async fn look_anew(&self, connection: u64) -> Result<(), AppendError> {
        if let Some(read_seal) = self.known.read_seal()
            && let Some(seal) = seal_read_by(&read_seal).await?
        {
            return Ok(self.check_seal(&seal).await?);
        }
        let before = self.known.before();
        let found = self.position().await?;
        Ok(self.compare(before, &found, connection).await?)
    }

    /// Looks whether what was found is what was known before, and knows it from then on. What was removed at its head has to
    /// be a loss that was accepted. On a new connection the newest fact that this process has seen has to stand there.
    pub(crate) async fn compare(
        &self,
        before: Before,
        found: &StreamPosition,
        connection: u64,
    ) -> Result<(), SealError> {
        if let Some(known) = &before.position {
            self.check_head(known.first_seq, found).await?;
        }
        before.check(found)?;
        if let Some((seq, event_id)) = before.newest
            && self.known.connection() != connection
        {
            self.check_event(seq, Some(event_id)).await?;
        }
        self.known.note(found, connection);
        Ok(())
    }

    /// Whether this event stands there, as far as that can be read.
    pub(crate) async fn check_event(&self, seq: u64, event_id: Option<EventId>) -> Result<(), SealError> {
        if event_id.is_some() {
            let found = self.event_id_at(seq).await?;
            if found.is_some() && found != event_id {
                return Err(OtherLog::Event { seq }.into());
            }
        }
        Ok(())
    }

    /// Notes a fact that was appended.
    pub(crate) fn has_appended(&self, seq: u64, event_id: EventId) {
        self.known.saw(seq, Some(event_id), self.connections());
    }

    /// Notes a fact that was given out: the log goes at least so far.
    pub(crate) fn has_read(&self, recorded: &Recorded) {
        let event_id = recorded.envelope().map(|envelope| envelope.event_id);
        self.known.saw(recorded.seq, event_id, self.connections());
    }

    /// Takes for granted what somebody has kept of the log outside of it: that it goes to `seq` and that this event stands
    /// there. It is compared before the next fact is appended.
    pub fn remember(&self, seq: u64, event_id: Option<EventId>) {
        self.known.remember(seq, event_id);
    }

    /// Whether all from `known_first` on stands there, or its loss was accepted.
    pub(crate) async fn check_head(&self, known_first: u64, found: &StreamPosition) -> Result<(), SealError> {
        let mut begins_at = known_first;
        if found.first_seq > begins_at {
            let accepted = self.accepted_losses().await?;
            while let Some(loss) = accepted.iter().find(|loss| loss.has(begins_at)) {
                begins_at = loss.last_seq + 1;
            }
        }
        if found.first_seq > begins_at {
            return Err(OtherLog::Headless { found: found.first_seq, known: begins_at }.into());
        }
        Ok(())
    }

    /// Has the log compared, on each new connection and before anything is appended, with its seal, which `read_seal` fetches
    /// from where it is kept (`None` before there is one).
    pub fn is_sealed_by<F, Fut, E>(&self, read_seal: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Bytes>, E>> + Send + 'static,
        E: Error + Send + Sync + 'static,
    {
        self.known.seal_with(Arc::new(move || read_seal().map_err(Into::into).boxed()));
    }

    /// As [`Log::is_sealed_by`], and waits until the log can be used and agrees with its seal. `false` if `shutdown` came
    /// first.
    ///
    /// # Errors
    /// When it is not the log that was sealed: nothing may be written to it.
    pub async fn wait_until_trusted<F, Fut, E>(
        &self,
        shutdown: &CancellationToken,
        read_seal: F,
    ) -> Result<bool, OtherLog>
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<Bytes>, E>> + Send + 'static,
        E: Error + Send + Sync + 'static,
    {
        self.is_sealed_by(read_seal);
        let mut said = false;
        loop {
            if !self.wait_until_usable(shutdown).await {
                return Ok(false);
            }
            let why = match self.look_anew(self.connections()).await {
                Ok(()) => return Ok(true),
                Err(AppendError::OtherLog(other)) => return Err(other),
                Err(error) => sentence(&error),
            };
            if !std::mem::replace(&mut said, true) {
                tracing::warn!(why, "waiting to compare the event log with its seal");
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(false),
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// How far which log goes now, to be kept outside of it.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn seal(&self) -> BoxFuture<'_, Result<Seal, UnavailableError>> {
        Box::pin(async move {
            let StreamPosition { epoch, first_seq, last_seq: seq, .. } = self.position().await?;
            let event_id = self.event_id_at(seq).await?;
            Ok(Seal { epoch, first_seq, seq, event_id, sealed_at: self.server_time().await? })
        })
    }

    /// Whether the log is the one that was sealed and goes at least as far; from then on this process takes it
    /// for granted and refuses another.
    ///
    /// # Errors
    /// [`SealError::Mismatch`] when it is not: nothing may be written then.
    pub fn check_seal<'a>(&'a self, seal: &'a Seal) -> BoxFuture<'a, Result<(), SealError>> {
        Box::pin(async move {
            let (connection, before) = (self.connections(), self.known.before());
            let found = self.position().await?;
            if seal.epoch != found.epoch {
                return Err(OtherLog::Epoch { found: found.epoch, known: seal.epoch.clone() }.into());
            }
            if seal.seq > found.last_seq {
                return Err(OtherLog::Shorter { found: found.last_seq, known: seal.seq }.into());
            }
            self.check_head(seal.first_seq, &found).await?;
            self.check_event(seal.seq, seal.event_id).await?;
            self.compare(before, &found, connection).await
        })
    }

    async fn event_id_at(&self, seq: u64) -> Result<Option<EventId>, UnavailableError> {
        if seq == 0 {
            return Ok(None);
        }
        let recorded = self.at(seq).await?;
        Ok(recorded.and_then(|recorded| recorded.envelope().map(|envelope| envelope.event_id)))
    }
}
