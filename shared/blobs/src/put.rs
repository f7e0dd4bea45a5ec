//! Taking bytes in as they come, hashing on the way, into a key that follows from the hash.

use std::error::Error;
use std::io;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::{Stream, StreamExt as _};
use hilum_events::{BlobRef, Sha256Digest};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::store::{BlobStore, INCOMING, key_of};

/// Bytes that are written at a time.
const PIECE: usize = 256 << 10;

/// Why nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// More bytes came than allowed.
    #[error("the content is longer than {limit_bytes} bytes")]
    TooLong {
        /// The limit.
        limit_bytes: u64,
    },
    /// The sender broke off.
    #[error("the sender broke off")]
    Source(#[source] Box<dyn Error + Send + Sync>),
    /// The store failed; trying again later may help.
    #[error("cannot store an object")]
    Unavailable(#[source] object_store::Error),
}

impl PutError {
    /// Whether the store has no room: that passes when somebody makes room, and not sooner.
    pub fn is_full(&self) -> bool {
        let Self::Unavailable(error) = self else { return false };
        let mut causes =
            std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source());
        causes.any(|error| error.downcast_ref::<io::Error>().is_some_and(is_no_room))
    }
}

fn is_no_room(error: &io::Error) -> bool {
    // One that wraps another does not name it as its source.
    let wrapped = || error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>());
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        || wrapped().is_some_and(is_no_room)
}

/// Bytes that came in and are not kept yet.
#[derive(Debug)]
pub struct Received {
    sha256: Sha256Digest,
    size_bytes: u64,
    head: Bytes,
    buffer: Buffer,
}

/// Where received bytes are until they are kept.
#[derive(Debug)]
enum Buffer {
    /// All of them are in the head.
    Memory,
    /// In an object under a key that is used once.
    Temporary(Path),
}

impl Received {
    /// SHA-256 of all bytes.
    pub fn sha256(&self) -> Sha256Digest {
        self.sha256
    }

    /// Number of all bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The first bytes: all of them if there are no more than the store's buffer.
    pub fn head(&self) -> &Bytes {
        &self.head
    }
}

impl BlobStore {
    /// Takes bytes in. Holds at most the buffer (twice for a moment) in memory. What was taken in becomes
    /// visible by [`Self::keep`], or is thrown away by [`Self::discard`].
    ///
    /// # Errors
    /// When the content is too long, the sender breaks off or the store fails; then nothing is left behind. After a
    /// crash there may be what [`Self::unfinished`] lists.
    pub async fn receive<S, E>(&self, source: S, limit_bytes: u64) -> Result<Received, PutError>
    where
        S: Stream<Item = Result<Bytes, E>>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let mut intake =
            Intake { store: self, hash: Sha256::new(), size_bytes: 0, buffer: BytesMut::new(), parts: None };
        let mut source = std::pin::pin!(source);
        while let Some(chunk) = source.next().await {
            let taken = match chunk {
                Ok(chunk) => intake.take(&chunk, limit_bytes).await,
                Err(error) => Err(PutError::Source(error.into())),
            };
            if let Err(error) = taken {
                intake.abort().await;
                return Err(error);
            }
        }
        intake.finish().await
    }

    /// Makes what was received durable under its key.
    ///
    /// # Errors
    /// When the store fails.
    pub fn keep(&self, received: Received) -> BoxFuture<'_, Result<BlobRef, PutError>> {
        Box::pin(async move {
            let key = key_of(&received.sha256);
            match &received.buffer {
                Buffer::Memory => {
                    let put = self.objects.put(&key, in_pieces(&received.head)).await;
                    put.map_err(PutError::Unavailable)?;
                }
                Buffer::Temporary(temporary) => {
                    self.objects.copy(temporary, &key).await.map_err(PutError::Unavailable)?;
                    self.discard(&received).await;
                }
            }
            Ok(BlobRef { key: key.to_string(), sha256: received.sha256, size_bytes: received.size_bytes })
        })
    }

    /// All bytes that were received, for callers that must see more than the head. They may be as many as were allowed.
    ///
    /// # Errors
    /// When the store fails.
    pub fn read_back<'a>(&'a self, received: &'a Received) -> BoxFuture<'a, Result<Bytes, PutError>> {
        Box::pin(async move {
            let read = async |temporary| self.objects.get(temporary).await?.bytes().await;
            match &received.buffer {
                Buffer::Memory => Ok(received.head.clone()),
                Buffer::Temporary(temporary) => read(temporary).await.map_err(PutError::Unavailable),
            }
        })
    }

    /// Throws away what was received and not kept.
    pub fn discard<'a>(&'a self, received: &'a Received) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let Buffer::Temporary(temporary) = &received.buffer
                && let Err(error) = self.objects.delete(temporary).await
            {
                tracing::warn!(error = &error as &dyn Error, key = %temporary, "a temporary object is left behind");
            }
        })
    }

    /// Stores bytes that are in memory.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put(&self, bytes: Bytes) -> BoxFuture<'_, Result<BlobRef, PutError>> {
        Box::pin(async move {
            let received = Received {
                sha256: Sha256Digest::of(&bytes),
                size_bytes: bytes.len() as u64,
                head: bytes,
                buffer: Buffer::Memory,
            };
            self.keep(received).await
        })
    }
}

/// The bytes as they are written to a file: a write of megabytes makes Linux look for as much memory in one piece, which took five
/// times as long as writes of this length on the machine of docs/performance.md.
fn in_pieces(bytes: &Bytes) -> PutPayload {
    (0..bytes.len()).step_by(PIECE).map(|at| bytes.slice(at..bytes.len().min(at + PIECE))).collect()
}

/// An upload under way.
struct Intake<'a> {
    store: &'a BlobStore,
    hash: Sha256,
    size_bytes: u64,
    buffer: BytesMut,
    parts: Option<Parts>,
}

struct Parts {
    key: Path,
    head: Bytes,
    upload: Box<dyn MultipartUpload>,
}

impl Intake<'_> {
    async fn take(&mut self, chunk: &Bytes, limit_bytes: u64) -> Result<(), PutError> {
        self.size_bytes += chunk.len() as u64;
        if self.size_bytes > limit_bytes {
            return Err(PutError::TooLong { limit_bytes });
        }
        self.hash.update(chunk);
        self.buffer.extend_from_slice(chunk);
        while self.buffer.len() > self.store.buffer_bytes {
            let part = self.buffer.split_to(self.store.buffer_bytes).freeze();
            self.put_part(part).await?;
        }
        Ok(())
    }

    async fn put_part(&mut self, part: Bytes) -> Result<(), PutError> {
        if self.parts.is_none() {
            let key = Path::from(INCOMING).join(Uuid::new_v4().to_string());
            let upload = self.store.objects.put_multipart(&key).await.map_err(PutError::Unavailable)?;
            self.parts = Some(Parts { key, head: part.clone(), upload });
        }
        let parts = self.parts.as_mut().expect("set above");
        parts.upload.put_part(in_pieces(&part)).await.map_err(PutError::Unavailable)
    }

    async fn finish(mut self) -> Result<Received, PutError> {
        let sha256 = Sha256Digest::from_bytes(std::mem::take(&mut self.hash).finalize().into());
        let rest = self.buffer.split().freeze();
        if self.parts.is_none() {
            return Ok(Received { sha256, size_bytes: self.size_bytes, head: rest, buffer: Buffer::Memory });
        }
        if let Err(error) = self.put_part(rest).await {
            self.abort().await;
            return Err(error);
        }
        let mut parts = self.parts.expect("there are parts");
        parts.upload.complete().await.map_err(PutError::Unavailable)?;
        Ok(Received {
            sha256,
            size_bytes: self.size_bytes,
            head: parts.head,
            buffer: Buffer::Temporary(parts.key),
        })
    }

    async fn abort(self) {
        if let Some(mut parts) = self.parts
            && let Err(error) = parts.upload.abort().await
        {
            tracing::warn!(error = &error as &dyn Error, key = %parts.key, "an upload is left behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_without_room_is_told_from_one_that_is_away() {
        let is_full = |kind: io::ErrorKind| {
            let source = Box::new(io::Error::other(io::Error::from(kind)));
            PutError::Unavailable(object_store::Error::Generic { store: "folder", source }).is_full()
        };
        assert!(is_full(io::ErrorKind::StorageFull) && is_full(io::ErrorKind::QuotaExceeded));
        assert!(!is_full(io::ErrorKind::PermissionDenied));
        assert!(!PutError::TooLong { limit_bytes: 1 }.is_full());
    }
}
