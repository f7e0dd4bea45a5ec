//! What headers say, read from the objects in the cage when it is asked for, and kept in memory for the next who asks: bounded, and
//! nowhere else, for it names patients. Knows no HTTP.

mod kept;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hilum_blobs::{BlobStore, GetError};
use hilum_events::{BlobRef, Sha256Digest};
use hilum_imaging::{DecodeError, DecoderPool};
use tokio::sync::{Semaphore, SemaphorePermit};

use self::kept::Kept;
use crate::dicomweb::DataSet;

/// The longest header that is answered: structured reports, the most wordy of all objects, have some hundred KiB.
const HEADER_MAX_BYTES: u64 = 1 << 20;
/// Objects in memory at a time, one with each caller.
const OBJECTS_AT_ONCE: usize = 3;
/// The longest wait for a place.
const PLACE_WITHIN: Duration = Duration::from_secs(10);

/// Is kept for an object that can't be read.
const UNREADABLE: Bytes = Bytes::new();

/// Objects, and what they say of themselves. Cheap to clone; clones share their bounds.
#[derive(Clone)]
pub struct Headers {
    blobs: BlobStore,
    decoder: DecoderPool,
    places: Arc<Semaphore>,
    kept: Arc<Mutex<Kept>>,
}

/// A header, or an object, can't be had.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// As many objects are in memory as may be.
    #[error("too much is asked for at this moment; nothing is lost, try again")]
    Busy,
    /// The storage did not answer.
    #[error("the object storage is away; nothing is lost, try again")]
    Away(#[source] GetError),
    /// The object is not in storage, or not as it was stored.
    #[error("the object is missing or damaged; restore the object storage")]
    Lost(#[source] GetError),
    /// The decoder can't work.
    #[error("the decoder can't read it at this moment; try again")]
    Decoder(#[source] DecodeError),
    /// It can't be read, now or later. What was found out before has no source.
    #[error("the object can't be read")]
    Unreadable(#[source] Option<DecodeError>),
    /// What the decoder said is no data set.
    #[error("the decoder answered something else than a data set")]
    Garbled,
}

impl HeaderError {
    /// Whether trying again later helps.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Busy | Self::Away(_) | Self::Decoder(_))
    }
}

impl From<DecodeError> for HeaderError {
    fn from(error: DecodeError) -> Self {
        if error.is_permanent() { Self::Unreadable(Some(error)) } else { Self::Decoder(error) }
    }
}

/// An object in memory, in one of the places for objects.
pub struct ObjectInHand<'a> {
    /// Its bytes, verified.
    pub bytes: Bytes,
    _place: SemaphorePermit<'a>,
}

impl Headers {
    /// Headers of what is kept in `blobs`, which `decoder` reads.
    pub fn new(blobs: BlobStore, decoder: DecoderPool) -> Self {
        let places = Arc::new(Semaphore::new(OBJECTS_AT_ONCE));
        Self { blobs, decoder, places, kept: Arc::default() }
    }

    /// Who reads objects.
    pub fn decoder(&self) -> &DecoderPool {
        &self.decoder
    }

    /// An object, once there is room for it; 10 s are waited for that at most.
    ///
    /// # Errors
    /// See [`HeaderError`].
    pub async fn object(&self, blob: &BlobRef) -> Result<ObjectInHand<'_>, HeaderError> {
        let place = tokio::time::timeout(PLACE_WITHIN, self.places.acquire()).await;
        let Ok(Ok(place)) = place else { return Err(HeaderError::Busy) };
        match self.blobs.get(blob).await {
            Ok(bytes) => Ok(ObjectInHand { bytes, _place: place }),
            Err(error) if error.is_transient() => Err(HeaderError::Away(error)),
            Err(error) => Err(HeaderError::Lost(error)),
        }
    }

    /// What the header of an object says. An object is asked for one time as long as there is room to keep what it said.
    ///
    /// # Errors
    /// See [`HeaderError`].
    pub async fn of(&self, blob: &BlobRef) -> Result<DataSet, HeaderError> {
        match self.known(&blob.sha256) {
            Some(Some(header)) => return Ok(header),
            Some(None) => return Err(HeaderError::Unreadable(None)),
            None => {}
        }
        let object = self.object(blob).await?;
        let json = match self.decoder.data_set(&object.bytes, HEADER_MAX_BYTES).await {
            Ok(json) => json,
            Err(error) if error.is_permanent() => {
                self.kept().keep(blob.sha256, UNREADABLE);
                return Err(error.into());
            }
            Err(error) => return Err(error.into()),
        };
        // The reason may quote the header.
        let header = serde_json::from_slice(&json).map_err(|_| HeaderError::Garbled)?;
        self.kept().keep(blob.sha256, json.into());
        Ok(header)
    }

    /// The header of a content, if it is kept; within it `None` if it can't be read.
    pub fn known(&self, sha256: &Sha256Digest) -> Option<Option<DataSet>> {
        let json = self.kept().get(sha256)?;
        Some(serde_json::from_slice(&json).ok())
    }

    /// Whether the header of a content is kept.
    pub fn is_known(&self, sha256: &Sha256Digest) -> bool {
        self.kept().get(sha256).is_some()
    }

    /// Nothing here panics half way, so what a poisoned lock holds is whole.
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
