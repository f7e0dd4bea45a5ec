//! Objects under names that the caller chose, for handing them to others. They are never written over: a name keeps the bytes
//! that were put there first.

use bytes::Bytes;
use futures::future::BoxFuture;
use hilum_events::Sha256Digest;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};

use crate::store::BlobStore;

/// How an object came to lie under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// It was written, and read back as it was.
    Written,
    /// The same bytes lay there already.
    There,
}

/// Why the object does not lie under its name.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Other bytes lie there.
    #[error("under {name} lies something else, with the sha-256 {found}; move it away")]
    Taken {
        /// The name.
        name: String,
        /// What lies there.
        found: Sha256Digest,
    },
    /// The store failed; trying again later may help.
    #[error("cannot write the object {name}")]
    Unavailable {
        /// The name.
        name: String,
        /// Why.
        source: object_store::Error,
    },
}

impl BlobStore {
    /// Writes `bytes` under `name`, a path with slashes, unless they lie there already.
    ///
    /// # Errors
    /// When other bytes lie there, or the store fails.
    pub fn place<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<Placement, PlaceError>> {
        Box::pin(async move {
            let wanted = Sha256Digest::of(&bytes);
            let unavailable = |source| PlaceError::Unavailable { name: name.to_owned(), source };
            let path = Path::from(name);
            match self.found_at(&path).await.map_err(unavailable)? {
                Some(found) if found == wanted => return Ok(Placement::There),
                Some(found) => return Err(PlaceError::Taken { name: name.to_owned(), found }),
                None => {}
            }
            self.objects.put(&path, PutPayload::from_bytes(bytes)).await.map_err(unavailable)?;
            match self.found_at(&path).await.map_err(unavailable)? {
                Some(found) if found != wanted => Err(PlaceError::Taken { name: name.to_owned(), found }),
                _ => Ok(Placement::Written),
            }
        })
    }

    async fn found_at(&self, path: &Path) -> Result<Option<Sha256Digest>, object_store::Error> {
        let read = async { self.objects.get(path).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(Sha256Digest::of(&bytes))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
