//! Records and the list of contents, in a folder.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use bytes::Bytes;
use futures::TryStreamExt as _;
use hilum_blobs::{BlobStore, ListedObject, StoreConfig};
use hilum_events::Sha256Digest;

fn store() -> (tempfile::TempDir, BlobStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(&StoreConfig::at(&format!("file://{}", folder.path().display()))).unwrap();
    (folder, store)
}

async fn listed(store: &BlobStore) -> Vec<ListedObject> {
    store.list("").try_collect().await.unwrap()
}

#[tokio::test]
async fn a_record_is_what_was_written_last() {
    let (_folder, store) = store();
    assert_eq!(store.read_record("log-seal.json").await.unwrap(), None);
    for text in ["a first one", "2"] {
        store.write_record("log-seal.json", Bytes::from(text)).await.unwrap();
        assert_eq!(store.read_record("log-seal.json").await.unwrap(), Some(Bytes::from(text)));
    }
}

#[tokio::test]
async fn a_store_that_fails_is_not_a_record_that_was_never_written() {
    let (folder, store) = store();
    std::fs::write(folder.path().join("records"), "in the way").unwrap();
    assert!(store.read_record("log-seal.json").await.unwrap_err().is_transient());
    assert!(store.write_record("log-seal.json", Bytes::from("1")).await.is_err());
}

#[tokio::test]
async fn contents_are_listed_with_their_hash_and_length_and_nothing_else_is() {
    let (folder, store) = store();
    assert_eq!(listed(&store).await, []);
    store.write_record("log-seal.json", Bytes::from("1")).await.unwrap();
    for content in ["a", "bc", "def"] {
        store.put(Bytes::from(content)).await.unwrap();
    }
    std::fs::write(folder.path().join("sha256/notes.txt"), "not an object").unwrap();
    // A content under a key that is not its own is not found by anybody who looks for it.
    let elsewhere = Sha256Digest::of(b"x").to_string();
    std::fs::write(folder.path().join("sha256").join(elsewhere), "x").unwrap();

    let mut found = listed(&store).await;
    found.sort_by_key(|object| object.size_bytes);
    let found: Vec<_> = found.into_iter().map(|object| (object.sha256, object.size_bytes)).collect();
    let content = |text: &str| (Sha256Digest::of(text.as_bytes()), text.len() as u64);
    assert_eq!(found, [content("a"), content("bc"), content("def")]);
}

#[tokio::test]
async fn the_list_says_when_an_object_was_written() {
    let (folder, store) = store();
    let blob = store.put(Bytes::from("a")).await.unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let file = std::fs::File::options().append(true).open(folder.path().join(&blob.key)).unwrap();
    file.set_modified(long_ago).unwrap();
    assert_eq!(listed(&store).await[0].modified_at.as_second(), 1_700_000_000);
    // An upload of the same content makes it young again: the sweep relies on it.
    store.put(Bytes::from("a")).await.unwrap();
    assert!(listed(&store).await[0].modified_at.as_second() > 1_700_000_000);
}
