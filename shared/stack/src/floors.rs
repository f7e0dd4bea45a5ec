//! Where consumers of the event log stood and how far it went, as the records in object storage say.

use std::error::Error;

use futures::future::BoxFuture;
use hilum_blobs::{BlobStore, StoreConfig};
use hilum_log::{FLOORS_RECORD, Floors, SEAL_RECORD, Seal};

/// What the sweep has kept; nothing before it ever did.
///
/// # Errors
/// When the storage is away or the record can't be read.
pub fn floors_in<'a>(store_url: &'a str) -> BoxFuture<'a, Result<Floors, Box<dyn Error + Send + Sync>>> {
    Box::pin(async move {
        let store = BlobStore::open(&StoreConfig::at(store_url))?;
        Ok(Floors::read(store.read_record(FLOORS_RECORD).await?.as_deref())?)
    })
}

/// How many facts the log had when it was sealed; `None` when it never was.
///
/// # Errors
/// When the storage is away or the record can't be read.
pub fn sealed_facts<'a>(
    store_url: &'a str,
) -> BoxFuture<'a, Result<Option<u64>, Box<dyn Error + Send + Sync>>> {
    Box::pin(async move {
        let store = BlobStore::open(&StoreConfig::at(store_url))?;
        let Some(record) = store.read_record(SEAL_RECORD).await? else { return Ok(None) };
        let seal: Seal = serde_json::from_slice(&record)?;
        Ok(Some(seal.seq).filter(|facts| *facts > 0))
    })
}
