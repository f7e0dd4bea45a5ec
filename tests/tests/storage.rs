//! The contract of the object storage, on a folder and on a real S3 server.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::stream;
use hilum_blobs::{BlobStore, GetError, PutError, StoreConfig};
use hilum_events::{BlobRef, Sha256Digest};
use hilum_tests::S3Server;

/// The least that S3 takes as a part.
const BUFFER_BYTES: usize = 5 << 20;
const LIMIT_BYTES: u64 = 20 << 20;

struct Storage {
    store: BlobStore,
    /// Where the objects lie on disk.
    objects: PathBuf,
    _folder: tempfile::TempDir,
    _s3: Option<S3Server>,
}

fn open(url: &str, options: Vec<(String, String)>) -> BlobStore {
    BlobStore::open(&StoreConfig { url: url.to_owned(), buffer_bytes: BUFFER_BYTES, options }).unwrap()
}

async fn both() -> [Storage; 2] {
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("objects");
    let store = open(&format!("file://{}", objects.display()), Vec::new());
    let local = Storage { store, objects, _folder: folder, _s3: None };

    let folder = tempfile::tempdir().unwrap();
    let server = S3Server::start(folder.path()).await;
    let options =
        server.environment().into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect();
    let objects = folder.path().join("images");
    let store = open(&S3Server::url(), options);
    [local, Storage { store, objects, _folder: folder, _s3: Some(server) }]
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index % 251) as u8).collect()
}

fn chunks(content: &[u8]) -> impl stream::Stream<Item = Result<Bytes, std::io::Error>> + use<> {
    let chunks: Vec<_> = content.chunks(700_000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    stream::iter(chunks)
}

impl Storage {
    async fn store(&self, content: &[u8]) -> BlobRef {
        let received = self.store.receive(chunks(content), LIMIT_BYTES).await.unwrap();
        assert!(received.head().len() <= BUFFER_BYTES);
        self.store.keep(received).await.unwrap()
    }

    fn incoming(&self) -> usize {
        std::fs::read_dir(self.objects.join("incoming")).map_or(0, |entries| {
            entries
                .filter(|entry| !entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'))
                .count()
        })
    }

    fn path(&self, blob: &BlobRef) -> PathBuf {
        self.objects.join(Path::new(&blob.key))
    }
}

#[tokio::test]
async fn short_and_long_contents_come_back_as_they_were_under_a_key_of_their_hash() {
    for storage in both().await {
        for len in [1, 200_000, BUFFER_BYTES, BUFFER_BYTES + 1, 3 * BUFFER_BYTES + 17] {
            let content = content(len);
            let blob = storage.store(&content).await;
            assert_eq!(blob.sha256, Sha256Digest::of(&content));
            assert_eq!(blob.key, format!("sha256/{}/{}", &blob.sha256.to_string()[..2], blob.sha256));
            assert_eq!(blob.size_bytes, len as u64);
            assert!(storage.store.get(&blob).await.unwrap() == content, "{len} bytes");
        }
        assert_eq!(storage.incoming(), 0, "no temporary object is left");
    }
}

#[tokio::test]
async fn storing_one_content_twice_is_harmless() {
    for storage in both().await {
        for len in [1000, 2 * BUFFER_BYTES] {
            let content = content(len);
            assert_eq!(storage.store(&content).await, storage.store(&content).await);
        }
    }
}

#[tokio::test]
async fn what_is_too_long_or_breaks_off_leaves_nothing_behind() {
    for storage in both().await {
        let long = content(usize::try_from(LIMIT_BYTES).unwrap() + 1);
        let refused = storage.store.receive(chunks(&long), LIMIT_BYTES).await;
        assert!(matches!(refused, Err(PutError::TooLong { limit_bytes: LIMIT_BYTES })));

        let begun: Vec<Result<Bytes, std::io::Error>> = vec![
            Ok(Bytes::from(content(2 * BUFFER_BYTES))),
            Err(std::io::Error::other("the sender went away")),
        ];
        let broken = storage.store.receive(stream::iter(begun), LIMIT_BYTES).await;
        assert!(matches!(broken, Err(PutError::Source(_))));
        assert_eq!(storage.incoming(), 0);
    }
}

#[tokio::test]
async fn a_long_content_that_is_not_kept_is_thrown_away() {
    for storage in both().await {
        let received = storage.store.receive(chunks(&content(2 * BUFFER_BYTES)), LIMIT_BYTES).await.unwrap();
        assert_eq!(storage.incoming(), 1);
        storage.store.discard(&received).await;
        assert_eq!(storage.incoming(), 0);
    }
}

#[tokio::test]
async fn a_damaged_or_missing_object_is_never_handed_out() {
    for storage in both().await {
        let blob = storage.store(&content(5000)).await;
        let path = storage.path(&blob);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[2500] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(storage.store.get(&blob).await, Err(GetError::Damaged { .. })));
        std::fs::remove_file(&path).unwrap();
        let missing = storage.store.get(&blob).await.unwrap_err();
        assert!(matches!(missing, GetError::Missing { .. }) && !missing.is_transient());
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_told_apart_from_a_missing_object() {
    let [_, mut remote] = both().await;
    let blob = remote.store(&content(10)).await;
    remote.store.probe().await.unwrap();
    remote._s3 = None;
    assert!(remote.store.get(&blob).await.unwrap_err().is_transient());
    assert!(matches!(remote.store.put(Bytes::from_static(b"x")).await, Err(PutError::Unavailable(_))));
    assert!(remote.store.probe().await.is_err());
}

#[test]
fn an_address_that_is_no_store_is_refused_with_what_would_be_one() {
    let error = BlobStore::open(&StoreConfig::at("/var/images")).unwrap_err();
    assert!(error.to_string().contains("file:///folder"), "{error}");
}
