//! How far each consumer of the event log is, kept in object storage: one that is lost is made anew where it stood.

use std::error::Error;

use hilum_blobs::BlobStore;
use hilum_log::{FLOORS_RECORD, Floors, Log};

/// Writes the floors when they moved. Two copies may do so at once: the older of the two says less, but nothing wrong.
#[derive(Clone)]
pub struct FloorKeeper {
    log: Log,
    blobs: BlobStore,
}

impl FloorKeeper {
    /// A keeper of the floors of this log's consumers.
    pub fn new(log: Log, blobs: BlobStore) -> Self {
        Self { log, blobs }
    }

    /// Raises the floors that are kept to where the consumers are now. Those of consumers that are gone stay.
    ///
    /// # Errors
    /// When the log or the storage is away, or the record can't be read: it is not written over then.
    pub async fn keep(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let record = self.blobs.read_record(FLOORS_RECORD).await?;
        let mut kept = Floors::read(record.as_deref())?;
        let (found, last_seq) = self.log.floors().await?;
        if kept.raise(&found, last_seq) {
            self.blobs.write_record(FLOORS_RECORD, kept.write()?.into()).await?;
        }
        Ok(())
    }
}
