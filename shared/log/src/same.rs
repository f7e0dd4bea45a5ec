//! Whether the log is still the one that this process, or another before it, has known. A log that was cut off or
//! replaced would take new facts under old positions, and two stories would mix: nothing may be written to it.

use std::error::Error;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use hilum_events::EventId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::append::AppendError;
use crate::connection::{Log, StreamPosition, UnavailableError};
use crate::dead_letter::chain;
use crate::loss::Gap;

/// Name of the record in object storage that holds the seal.
pub const SEAL_RECORD: &str = "log-seal.json";

/// Pause between two tries to read the seal.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

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

/// The log is not the one that was known before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OtherLog {
    /// The stream was made anew.
    #[error(
        "the event stream was made at {found}, but one made at {known} was in use here; restore that one"
    )]
    Epoch {
        /// Of the stream.
        found: String,
        /// Of the stream that is known.
        known: String,
    },
    /// The stream lost its end.
    #[error("the event stream ends at {found}, but it went to {known} before; restore it from a copy")]
    Shorter {
        /// Of the stream.
        found: u64,
        /// Where it is known to go.
        known: u64,
    },
    /// The stream lost its head.
    #[error(
        "the event stream begins at {found}, but it began at {known} before: what stood there was removed; restore it from a \
         copy, or accept the loss with `hilum log accept-loss`"
    )]
    Headless {
        /// Of the stream.
        found: u64,
        /// Where it is known to begin.
        known: u64,
    },
    /// Another fact stands where a known one stood.
    #[error("position {seq} of the event stream holds another event than before; restore it from a copy")]
    Event {
        /// Where.
        seq: u64,
    },
}

/// The log does not agree with its seal, or can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It is not the log that was sealed.
    #[error(transparent)]
    Mismatch(#[from] OtherLog),
    /// The server does not answer.
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
}

/// Why a log is not trusted yet.
enum Untrusted {
    OtherLog(OtherLog),
    Unknown(String),
}

fn unknown(error: &(dyn Error + 'static)) -> Untrusted {
    Untrusted::Unknown(chain(error).join(": "))
}

/// What this process knows of the log.
#[derive(Debug, Default)]
pub(crate) struct Known {
    inner: Mutex<Knowledge>,
}

#[derive(Debug, Default)]
struct Knowledge {
    position: Option<StreamPosition>,
    /// The connection on which the log was looked at last.
    connection: u64,
    /// Where a reader of the whole log stands, because it can't go on.
    hole: Option<Gap>,
    /// So many missing positions are known to be accepted losses.
    explained: u64,
}

impl Known {
    fn lock(&self) -> std::sync::MutexGuard<'_, Knowledge> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the log goes at least to `seq`.
    pub(crate) fn reached(&self, seq: u64) {
        if let Some(position) = &mut self.lock().position {
            position.last_seq = position.last_seq.max(seq);
        }
    }

    pub(crate) fn hole(&self) -> Option<Gap> {
        self.lock().hole
    }

    pub(crate) fn explained(&self) -> u64 {
        self.lock().explained
    }

    pub(crate) fn explain(&self, missing: u64) {
        self.lock().explained = missing;
    }

    /// Notes where a reader stands, or that it goes on; whether that is new.
    pub(crate) fn note_hole(&self, hole: Option<Gap>) -> bool {
        let mut knowledge = self.lock();
        let is_new = knowledge.hole != hole;
        knowledge.hole = hole;
        is_new
    }

    /// What was known before the log is asked: facts that are appended meanwhile are not missed by the answer.
    pub(crate) fn before(&self) -> Option<StreamPosition> {
        self.lock().position.clone()
    }

    /// Looks whether what was found is what was known before, and knows it from then on.
    fn compare(
        &self,
        before: Option<StreamPosition>,
        found: &StreamPosition,
        connection: u64,
    ) -> Result<(), OtherLog> {
        if let Some(known) = before {
            if known.epoch != found.epoch {
                return Err(OtherLog::Epoch { found: found.epoch.clone(), known: known.epoch });
            }
            if known.last_seq > found.last_seq {
                return Err(OtherLog::Shorter { found: found.last_seq, known: known.last_seq });
            }
        }
        let mut knowledge = self.lock();
        let last_seq = knowledge.position.as_ref().map_or(0, |known| known.last_seq).max(found.last_seq);
        knowledge.position = Some(StreamPosition { last_seq, ..found.clone() });
        knowledge.connection = connection;
        Ok(())
    }
}

impl Log {
    /// Looks, once on each connection, whether the log is still the one that this process knows.
    pub(crate) async fn check_same(&self) -> Result<(), AppendError> {
        let connection = self.connections();
        if self.known.lock().connection == connection {
            return Ok(());
        }
        let before = self.known.before();
        let found = self.position().await?;
        self.compare(before, &found, connection).await.map_err(|error| match error {
            SealError::Mismatch(other) => AppendError::OtherLog(other),
            SealError::Unavailable(error) => error.into(),
        })
    }

    /// Looks whether what was found is what was known before, and knows it from then on. What was removed at its head has to
    /// be a loss that was accepted.
    pub(crate) async fn compare(
        &self,
        before: Option<StreamPosition>,
        found: &StreamPosition,
        connection: u64,
    ) -> Result<(), SealError> {
        if let Some(known) = &before {
            self.check_head(known.first_seq, found).await?;
        }
        Ok(self.known.compare(before, found, connection)?)
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

    /// Waits until the log can be used and agrees with its seal, which `read_seal` fetches from where it is kept
    /// (`None` before there is one). `false` if `shutdown` came first.
    ///
    /// # Errors
    /// When it is not the log that was sealed: nothing may be written to it.
    pub async fn wait_until_trusted<F, Fut, E>(
        &self,
        shutdown: &CancellationToken,
        read_seal: F,
    ) -> Result<bool, OtherLog>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<Option<Bytes>, E>>,
        E: Error + 'static,
    {
        let mut said = false;
        loop {
            if !self.wait_until_usable(shutdown).await {
                return Ok(false);
            }
            let why = match self.check_seal_read_by(&read_seal).await {
                Ok(()) => return Ok(true),
                Err(Untrusted::OtherLog(other)) => return Err(other),
                Err(Untrusted::Unknown(why)) => why,
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

    async fn check_seal_read_by<F, Fut, E>(&self, read_seal: &F) -> Result<(), Untrusted>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<Option<Bytes>, E>>,
        E: Error + 'static,
    {
        let Some(record) = read_seal().await.map_err(|error| unknown(&error))? else { return Ok(()) };
        let seal: Seal = serde_json::from_slice(&record).map_err(|error| unknown(&error))?;
        self.check_seal(&seal).await.map_err(|error| match error {
            SealError::Mismatch(other) => Untrusted::OtherLog(other),
            SealError::Unavailable(error) => unknown(&error),
        })
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
            let event_id = self.event_id_at(seal.seq).await?;
            if seal.event_id.is_some() && event_id.is_some() && seal.event_id != event_id {
                return Err(OtherLog::Event { seq: seal.seq }.into());
            }
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
