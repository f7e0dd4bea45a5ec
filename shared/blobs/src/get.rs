//! Reading an object and making sure that it is the one that was stored.

use bytes::Bytes;
use futures::future::BoxFuture;
use hilum_events::{BlobRef, Sha256Digest};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use crate::store::BlobStore;

/// The object can't be had.
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
}

impl BlobStore {
    /// Reads an object whole and verifies its hash.
    ///
    /// # Errors
    /// When it is missing, damaged or the store fails.
    pub fn get<'a>(&'a self, blob: &'a BlobRef) -> BoxFuture<'a, Result<Bytes, GetError>> {
        Box::pin(async move {
            let key = || blob.key.clone();
            let read = async { self.objects.get(&Path::from(blob.key.as_str())).await?.bytes().await };
            let bytes = read.await.map_err(|error| match error {
                object_store::Error::NotFound { .. } => GetError::Missing { key: key() },
                source => GetError::Unavailable { key: key(), source },
            })?;
            let found = Sha256Digest::of(&bytes);
            if found == blob.sha256 { Ok(bytes) } else { Err(GetError::Damaged { key: key(), found }) }
        })
    }
}
