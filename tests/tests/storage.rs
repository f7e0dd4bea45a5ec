//! The contract of the object storage, on a folder and on a real S3 server.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::{TryStreamExt as _, stream};
use hilum_blobs::{BlobStore, GetError, PutError, Removed, StoreConfig, UnfinishedIn};
use hilum_events::{BlobRef, Event, Sha256Digest, samples};
use hilum_log::{Log, apply_definitions};
use hilum_servers::{NatsOptions, NatsServer, TestFolder, wait_until};
use hilum_tests::{LIMIT, S3Server, program};

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
async fn reading_without_keeping_tells_damage_that_left_the_length_as_it_was() {
    for storage in both().await {
        let blob = storage.store(&content(3 * BUFFER_BYTES)).await;
        storage.store.verify(&blob).await.unwrap();
        let path = storage.path(&blob);
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(storage.store.verify(&blob).await, Err(GetError::Damaged { .. })));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(storage.store.verify(&blob).await, Err(GetError::Missing { .. })));
    }
}

#[tokio::test]
async fn contents_are_listed_by_the_first_digits_of_their_hash() {
    for storage in both().await {
        let (one, other) = (storage.store(&content(10)).await, storage.store(&content(11)).await);
        let list = async |digits: &str| -> Vec<_> {
            storage.store.list(digits).map_ok(|object| object.sha256).try_collect().await.unwrap()
        };
        for blob in [&one, &other] {
            for digits in [1, 2, 3, 64] {
                assert_eq!(list(&blob.sha256.to_string()[..digits]).await, [blob.sha256]);
            }
        }
        assert_eq!(list("").await.len(), 2);
    }
}

#[tokio::test]
async fn an_upload_whose_end_never_came_is_listed_and_can_be_removed_unless_somebody_still_writes() {
    for storage in both().await {
        let received = storage.store.receive(chunks(&content(2 * BUFFER_BYTES)), LIMIT_BYTES).await.unwrap();
        let found = storage.store.unfinished(UnfinishedIn::Incoming).await.unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].size_bytes, 2 * BUFFER_BYTES as u64);
        let file = storage.objects.join(&found[0].name);
        let times = |seconds: u64| std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        std::fs::File::options()
            .append(true)
            .open(&file)
            .unwrap()
            .set_modified(times(1_700_000_000))
            .unwrap();
        assert_eq!(storage.store.remove_unfinished(&found[0]).await.unwrap(), Removed::Stirred);
        assert_eq!(storage.incoming(), 1);

        let found = storage.store.unfinished(UnfinishedIn::Incoming).await.unwrap();
        assert_eq!(found[0].modified_at.as_second(), 1_700_000_000);
        assert_eq!(storage.store.remove_unfinished(&found[0]).await.unwrap(), Removed::Gone);
        assert_eq!(storage.incoming(), 0);
        assert_eq!(
            storage.store.remove_unfinished(&found[0]).await.unwrap(),
            Removed::Gone,
            "twice is harmless"
        );
        // Whoever was about to finish it is told, and promises nothing.
        assert!(matches!(storage.store.keep(received).await, Err(PutError::Unavailable(_))));
    }
}

#[tokio::test]
async fn the_sweep_reads_images_pictures_and_documents_on_s3_and_clears_up() {
    let [_, storage] = both().await;
    let folder = TestFolder::new().unwrap();
    let nats = NatsServer::start(&NatsOptions::in_folder(folder.path().join("nats"))).await.unwrap();
    let log = Log::connect(&nats.url(), "test").await.unwrap();
    assert!(wait_until(LIMIT, || async { log.is_connected() }).await);
    apply_definitions(&log, 1).await.unwrap();

    let blobs = [
        storage.store(b"an image").await,
        storage.store(b"a picture").await,
        storage.store(b"a document").await,
    ];
    let mut facts = [
        samples::image_stored(1, "a", 0),
        samples::inference_completed(1, "a", 0),
        samples::report_issued(1, &[1], 0),
    ];
    for fact in &mut facts {
        match &mut fact.event {
            Event::ImageStored(e) => e.image.blob = blobs[0].clone(),
            Event::InferenceCompleted(e) => e.preview = Some(blobs[1].clone()),
            Event::ReportIssued(e) => (e.json, e.html, e.previews) = (blobs[2].clone(), None, Vec::new()),
            _ => {}
        }
        log.append(fact).await.unwrap();
    }
    let left = storage.store.receive(chunks(&content(2 * BUFFER_BYTES)), LIMIT_BYTES).await.unwrap();
    drop(left);
    for entry in std::fs::read_dir(storage.objects.join("incoming")).unwrap() {
        let file = std::fs::File::options().append(true).open(entry.unwrap().path()).unwrap();
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(25 * 3600)).unwrap();
    }
    for blob in &blobs {
        let mut bytes = std::fs::read(storage.path(blob)).unwrap();
        bytes[0] ^= 1;
        std::fs::write(storage.path(blob), bytes).unwrap();
    }

    let s3 = storage._s3.as_ref().unwrap();
    let mut command = tokio::process::Command::new(program("hilum-sweep"));
    command.args(["--once", "--deep", "--json", "--store-url", &S3Server::url(), "--nats-url", &nats.url()]);
    let output = command.envs(s3.environment()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let found: Vec<serde_json::Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|finding: &serde_json::Value| finding["kind"] != "study_without_report")
        .collect();
    let kinds: Vec<_> = found.iter().map(|it| (it["kind"].as_str().unwrap(), it["done"] == true)).collect();
    let expected = [
        ("unfinished_upload", true),
        ("event_without_object", true),
        ("lost_picture", false),
        ("lost_document", false),
    ];
    assert_eq!(kinds, expected, "{found:#?}");
    assert_eq!(storage.incoming(), 0);
    assert!(log.dead_letter("sweep", 1).await.unwrap().is_some());
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
