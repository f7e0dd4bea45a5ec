//! The seal: how far which log is known to go, kept in object storage, where the loss of the log does not reach it.
//! A log that is shorter than its seal, or another one, would take new facts under old positions.

use std::error::Error;

use hilum_blobs::{BlobStore, GetError, PutError};
use hilum_log::{Log, OtherLog, SEAL_RECORD, Seal, SealError, UnavailableError};

/// Writes the seal when the log moved, and looks whether the log still fits it.
#[derive(Clone)]
pub struct SealKeeper {
    log: Log,
    blobs: BlobStore,
}

/// The log does not fit its seal: nothing may be written.
#[derive(Debug, thiserror::Error)]
pub enum BrokenSealError {
    /// The log was cut off or replaced.
    #[error("the log is not the one that records/{SEAL_RECORD} in object storage was written of")]
    Log(#[from] OtherLog),
    /// The seal can't be read: it may say anything.
    #[error(
        "records/{SEAL_RECORD} in object storage is no seal; restore it, or remove it if the log is known to be whole"
    )]
    Unreadable(#[source] serde_json::Error),
}

/// The seal was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    #[error(transparent)]
    Broken(#[from] BrokenSealError),
    #[error("cannot look at the seal of the log")]
    Away(#[source] Box<dyn Error + Send + Sync>),
}

impl KeepError {
    /// The error, if it is one to wait out.
    pub(crate) fn unless_broken(self) -> Result<Box<dyn Error + Send + Sync>, BrokenSealError> {
        match self {
            Self::Broken(broken) => Err(broken),
            away => Ok(away.into()),
        }
    }
}

impl SealKeeper {
    /// A keeper of this log's seal.
    pub fn new(log: Log, blobs: BlobStore) -> Self {
        Self { log, blobs }
    }

    /// Looks whether the log fits its seal and gives the seal, if there is one. Writes nothing.
    pub(crate) async fn check(&self) -> Result<Option<Seal>, KeepError> {
        let Some(bytes) = self.blobs.read_record(SEAL_RECORD).await? else { return Ok(None) };
        let seal: Seal = serde_json::from_slice(&bytes).map_err(BrokenSealError::Unreadable)?;
        match self.log.check_seal(&seal).await {
            Ok(()) => Ok(Some(seal)),
            Err(SealError::Mismatch(other)) => Err(BrokenSealError::from(other).into()),
            Err(SealError::Unavailable(error)) => Err(error.into()),
        }
    }

    /// Writes the seal anew if the log has gone on and fits the one that is there. Two copies may do so at once: the
    /// older of the two seals says less, but nothing wrong.
    pub(crate) async fn keep(&self) -> Result<(), KeepError> {
        let before = self.check().await?;
        let seal = self.log.seal().await?;
        if before.is_some_and(|before| before.seq >= seal.seq) {
            return Ok(());
        }
        let bytes = serde_json::to_vec(&seal).map_err(|error| KeepError::Away(error.into()))?;
        self.blobs.write_record(SEAL_RECORD, bytes.into()).await?;
        metrics::gauge!("hilum_sweep_sealed_position").set(seal.seq as f64);
        Ok(())
    }
}

impl From<GetError> for KeepError {
    fn from(error: GetError) -> Self {
        Self::Away(error.into())
    }
}

impl From<PutError> for KeepError {
    fn from(error: PutError) -> Self {
        Self::Away(error.into())
    }
}

impl From<UnavailableError> for KeepError {
    fn from(error: UnavailableError) -> Self {
        Self::Away(error.into())
    }
}
