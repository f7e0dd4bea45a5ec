//! Where consumers of the event log stood, as the records in object storage say.

use std::error::Error;

use hilum_blobs::{BlobStore, StoreConfig};
use hilum_log::{FLOORS_RECORD, Floors};

/// What the sweep has kept; nothing before it ever did.
///
/// # Errors
/// When the storage is away or the record can't be read.
pub(crate) async fn floors_in(store_url: &str) -> Result<Floors, Box<dyn Error + Send + Sync>> {
    let store = BlobStore::open(&StoreConfig::at(store_url))?;
    Ok(Floors::read(store.read_record(FLOORS_RECORD).await?.as_deref())?)
}
