//! Small objects with a name instead of a hash: what one copy of a service tells the next. Written whole, the last
//! writer wins; there is no lock here.

use bytes::Bytes;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};

use crate::get::GetError;
use crate::put::PutError;
use crate::store::{BlobStore, RECORDS};

impl BlobStore {
    /// Reads the record `name`; `None` when it was never written.
    ///
    /// # Errors
    /// When the store fails.
    pub fn read_record<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, GetError>> {
        Box::pin(async move {
            let path = path_of(name);
            let read = async { self.objects.get(&path).await?.bytes().await };
            match read.await {
                Ok(bytes) => Ok(Some(bytes)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(source) => Err(GetError::Unavailable { key: path.to_string(), source }),
            }
        })
    }

    /// A function that reads the record `name` anew at each call.
    pub fn record_reader(
        &self,
        name: &'static str,
    ) -> impl Fn() -> BoxFuture<'static, Result<Option<Bytes>, GetError>> + Send + Sync + use<> {
        let store = self.clone();
        move || {
            let store = store.clone();
            Box::pin(async move { store.read_record(name).await })
        }
    }

    /// Writes the record `name`, in place of what it was; durable when this returns. A reader sees the old or the
    /// new one, never a part.
    ///
    /// # Errors
    /// When the store fails.
    pub fn write_record<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), PutError>> {
        Box::pin(async move {
            let put = self.objects.put(&path_of(name), PutPayload::from_bytes(bytes)).await;
            put.map(drop).map_err(PutError::Unavailable)
        })
    }
}

fn path_of(name: &str) -> Path {
    Path::from(RECORDS).join(name)
}
