//! Whether there is room for images where they are kept, if that is a folder. The door closes before the disk is full:
//! what writes there besides, such as the log and the tables, takes harm when it can't.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use hilum_blobs::BlobStore;
use hilum_runtime::free_bytes;

use crate::refusal::Refusal;

const MIB: u64 = 1 << 20;

/// The disk under object storage. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Disk {
    folder: Option<PathBuf>,
    least_free_mib: u64,
    full: Arc<AtomicBool>,
}

impl Disk {
    /// That of `store`, which is full when fewer MiB are free; 0 lets it run full.
    pub fn new(store: &BlobStore, least_free_mib: u64) -> Self {
        Self { folder: store.folder().map(Path::to_owned), least_free_mib, full: Arc::default() }
    }

    /// Looks how much is free.
    ///
    /// # Errors
    /// When it is too little, in words for the operator.
    pub fn look(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            // A store that is no folder says itself when it is full.
            let Some(folder) = self.folder.clone() else { return Ok(()) };
            // It takes as long as the file system does.
            let looked = tokio::task::spawn_blocking(move || free_bytes(&folder)).await;
            let free_mib = match looked {
                Ok(Ok(bytes)) => bytes / MIB,
                Ok(Err(error)) => {
                    return Err(format!("the disk where images are kept does not tell its room: {error}"));
                }
                Err(error) => return Err(error.to_string()),
            };
            let is_full = free_mib < self.least_free_mib;
            self.full.store(is_full, Ordering::Relaxed);
            if is_full {
                return Err(format!(
                    "the disk where images are kept is full: {free_mib} MiB are free, and {} must stay free \
                     (HILUM_LEAST_FREE_MIB); make room, then uploads are taken again by themselves",
                    self.least_free_mib
                ));
            }
            Ok(())
        })
    }

    /// Refuses an upload when the last look found too little.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if self.full.load(Ordering::Relaxed) {
            let source = format!("less than {} MiB are free", self.least_free_mib);
            return Err(Refusal::DiskFull(source.into()));
        }
        Ok(())
    }
}
