//! Reading an object and making sure that it is the one that was stored.

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use hilum_events::{BlobRef, Sha256Digest};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use sha2::{Digest as _, Sha256};

use crate::store::BlobStore;

/// Why an object can't be had.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// It is not there.
    #[error("object {key} is not in storage")]
    Missing {
        /// Which.
        key: String,
    },
    /// It is not what was stored.
    #[error("object {key} in storage is damaged: its sha-256 is {found}")]
    Damaged {
        /// Which.
        key: String,
        /// What was found instead.
        found: Sha256Digest,
    },
    /// The store failed; trying again later may help.
    #[error("cannot read object {key}")]
    Unavailable {
        /// Which.
        key: String,
        /// Why.
        source: object_store::Error,
    },
}

impl GetError {
    /// Whether trying again later may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// Whether the store answers but does not hand out this object, because it lies in an archive class or may not be read.
    pub fn is_refused(&self) -> bool {
        use object_store::Error::{PermissionDenied, Unauthenticated};
        matches!(self, Self::Unavailable { source: PermissionDenied { .. } | Unauthenticated { .. }, .. })
    }

    fn of(key: String, error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing { key },
            source => Self::Unavailable { key, source },
        }
    }
}

impl BlobStore {
    /// Reads an object whole and verifies its hash.
    ///
    /// # Errors
    /// When it is missing, damaged or the store fails.
    pub fn get<'a>(&'a self, blob: &'a BlobRef) -> BoxFuture<'a, Result<Bytes, GetError>> {
        Box::pin(async move {
            let read = async { self.objects.get(&Path::from(blob.key.as_str())).await?.bytes().await };
            let bytes = read.await.map_err(|error| GetError::of(blob.key.clone(), error))?;
            expect(blob, Sha256Digest::of(&bytes))?;
            Ok(bytes)
        })
    }

    /// Whether an object is there with its length; nothing of it is read.
    ///
    /// # Errors
    /// When the store fails.
    pub fn holds<'a>(&'a self, blob: &'a BlobRef) -> BoxFuture<'a, Result<bool, GetError>> {
        Box::pin(async move {
            match self.objects.head(&Path::from(blob.key.as_str())).await {
                Ok(found) => Ok(found.size == blob.size_bytes),
                Err(object_store::Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(GetError::of(blob.key.clone(), error)),
            }
        })
    }

    /// Reads an object whole, a piece at a time, and verifies its hash; nothing of it is kept.
    ///
    /// # Errors
    /// When it is missing, damaged or the store fails.
    pub fn verify<'a>(&'a self, blob: &'a BlobRef) -> BoxFuture<'a, Result<(), GetError>> {
        Box::pin(async move {
            let read = async {
                let mut hash = Sha256::new();
                let mut pieces = self.objects.get(&Path::from(blob.key.as_str())).await?.into_stream();
                while let Some(piece) = pieces.next().await {
                    hash.update(&piece?);
                }
                Ok(Sha256Digest::from_bytes(hash.finalize().into()))
            };
            let found = read.await.map_err(|error| GetError::of(blob.key.clone(), error))?;
            expect(blob, found)
        })
    }
}

fn expect(blob: &BlobRef, found: Sha256Digest) -> Result<(), GetError> {
    if found == blob.sha256 { Ok(()) } else { Err(GetError::Damaged { key: blob.key.clone(), found }) }
}
