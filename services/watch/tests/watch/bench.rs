//! The program `hilum-watch` with a real nats-server and a real S3 server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hilum_blobs::{Bucket, ForeignObject, StoreConfig};
use hilum_events::{Envelope, Event, ImageStored, Priority};
use hilum_log::{
    Log, NOTIFICATIONS, Notification, PARKED_NOTIFICATIONS, ParkedNotification, apply_definitions,
    notification_subject,
};
use hilum_servers::{NatsOptions, NatsServer, Process, TestFolder, free_port, http_status, tail, wait_until};
use hilum_test_log::metric;
use nix::sys::signal::Signal;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{Attribute, Attributes, ObjectStore as _, PutOptions};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::s3::{BUCKET, S3Server};

pub(crate) const LIMIT: Duration = Duration::from_secs(90);
pub(crate) const TOKEN: &str = "a-token-of-the-test-0123456789";
/// Nothing is listed again within a test.
pub(crate) const SELDOM: (&str, &str) = ("HILUM_WATCH_LIST_EVERY_S", "86400");
pub(crate) const OFTEN: (&str, &str) = ("HILUM_WATCH_LIST_EVERY_S", "1");
/// What the watch of most tests watches.
pub(crate) const WATCH: &str =
    "[[watch]]\nname = \"north\"\nurl = \"s3://drop\"\nprefix = \"in/\"\nsite = \"north\"\n";

pub(crate) struct Bench {
    pub(crate) folder: TestFolder,
    pub(crate) nats: Option<NatsServer>,
    pub(crate) nats_options: NatsOptions,
    pub(crate) log: Log,
    pub(crate) s3: S3Server,
    objects: AmazonS3,
    bucket: Bucket,
    watch: Option<Process>,
    port: u16,
}

impl Bench {
    /// Servers, and the file of watches; the program does not run yet.
    pub(crate) async fn new(watches: &str) -> Self {
        let folder = TestFolder::new().unwrap();
        let port = free_port().unwrap();
        let nats_options =
            NatsOptions { port: Some(port), ..NatsOptions::in_folder(folder.path().join("nats")) };
        let nats = NatsServer::start(&nats_options).await.unwrap();
        let log = Log::connect(&nats.url(), "test").await.unwrap();
        assert!(wait_until(LIMIT, || async { log.is_connected() }).await);
        apply_definitions(&log, 1).await.unwrap();
        let s3 = S3Server::start(&folder.path().join("s3")).await;
        std::fs::write(folder.path().join("watches.toml"), watches).unwrap();
        std::fs::write(folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
        let mut builder = AmazonS3Builder::new().with_bucket_name(BUCKET).with_allow_http(true);
        for (name, value) in s3.options() {
            builder = builder.with_config(name.parse().unwrap(), value);
        }
        let config = StoreConfig { options: s3.options(), ..StoreConfig::at(&format!("s3://{BUCKET}")) };
        let bucket = Bucket::open(&config).unwrap();
        let (objects, port) = (builder.build().unwrap(), free_port().unwrap());
        Self { folder, nats: Some(nats), nats_options, log, s3, objects, bucket, watch: None, port }
    }

    /// As [`Self::new`], with the program running.
    pub(crate) async fn start(watches: &str, settings: &[(&str, &str)]) -> Self {
        let mut bench = Self::new(watches).await;
        bench.run(settings).await;
        bench
    }

    /// Starts the program and waits until it is ready.
    pub(crate) async fn run(&mut self, settings: &[(&str, &str)]) {
        let mut process = self.launch(settings);
        let port = self.port;
        let ready = || async move { http_status(port, "/readyz").await == Some(200) };
        process.wait_ready(LIMIT, ready).await.unwrap();
        self.watch = Some(process);
    }

    /// Starts the program.
    pub(crate) fn launch(&self, settings: &[(&str, &str)]) -> Process {
        let at = |name: &str| self.folder.path().join(name).display().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hilum-watch"));
        command.envs(self.s3.settings()).envs([
            ("HILUM_NATS_URL", format!("nats://127.0.0.1:{}", self.nats_options.port.unwrap())),
            ("HILUM_STORE_URL", format!("file://{}", at("store"))),
            ("HILUM_WATCHES", at("watches.toml")),
            ("HILUM_WATCH_TOKEN_FILE", at("token")),
            ("HILUM_LISTEN", format!("127.0.0.1:{}", self.port)),
            ("HILUM_MAX_WAIT_S", "0".to_owned()),
        ]);
        command.envs(settings.iter().copied());
        Process::start("hilum-watch", command, &self.log_file()).unwrap()
    }

    pub(crate) async fn stop(&mut self) {
        self.watch.take().unwrap().stop(Signal::SIGTERM, LIMIT).await.unwrap();
    }

    /// Waits until it was ended by a kill.
    pub(crate) async fn wait_until_killed(&mut self) {
        let status = tokio::time::timeout(LIMIT, self.watch.as_mut().unwrap().wait()).await.unwrap().unwrap();
        assert!(!status.success(), "{status}");
        self.watch = None;
    }

    pub(crate) fn pid(&self) -> u32 {
        self.watch.as_ref().unwrap().pid().unwrap()
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.path().join("watch.log")
    }

    /// Puts an object into the bucket; what the store says of it.
    pub(crate) async fn put(&self, key: &str, bytes: Vec<u8>) -> ForeignObject {
        self.put_with(key, bytes, &[]).await
    }

    pub(crate) async fn put_with(&self, key: &str, bytes: Vec<u8>, said: &[(&str, &str)]) -> ForeignObject {
        let mut attributes = Attributes::new();
        for (name, value) in said {
            attributes.insert(Attribute::Metadata((*name).to_owned().into()), (*value).to_owned().into());
        }
        let options = PutOptions { attributes, ..PutOptions::default() };
        self.objects.put_opts(&Key::parse(key).unwrap(), bytes.into(), options).await.unwrap();
        self.bucket.look_at(key).await.unwrap()
    }

    /// The bytes of an object, if it is there.
    pub(crate) async fn get(&self, key: &str) -> Option<Vec<u8>> {
        use object_store::ObjectStoreExt as _;
        let found = self.objects.get(&Key::parse(key).unwrap()).await.ok()?;
        Some(found.bytes().await.unwrap().to_vec())
    }

    pub(crate) async fn delete(&self, key: &str) {
        use object_store::ObjectStoreExt as _;
        self.objects.delete(&Key::parse(key).unwrap()).await.unwrap();
    }

    /// A request to the page for notifications, with its token.
    pub(crate) fn post(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.client().post(self.url()).bearer_auth(TOKEN).body(body)
    }

    pub(crate) fn client(&self) -> Client {
        hilum_runtime::http_client().no_proxy().build().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{}", self.port, hilum_watch::PATH)
    }

    /// Tells of an object as AWS does.
    pub(crate) async fn notify(&self, object: &ForeignObject) {
        let answer = self.post(aws(object).to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
    }

    /// Puts what is to be known of an object in the queue, as a page that was busy does.
    pub(crate) async fn queue(&self, object: &ForeignObject) {
        let notification = Notification {
            bucket: BUCKET.to_owned(),
            key: object.key.clone(),
            e_tag: object.e_tag.clone(),
            version: None,
            size_bytes: None,
            wanted_again: false,
        };
        let subject = notification_subject(Priority::Routine);
        self.log.put(&subject, hilum_log::encoded(&notification)).await.unwrap();
    }

    /// Waits until a metric of its page has this value.
    pub(crate) async fn metric_reaches(&self, line: &str, value: f64) {
        let is_reached = wait_until(LIMIT, || async { metric(self.port, line).await >= value }).await;
        assert!(is_reached, "{line}: {}", tail(&self.log_file(), 0, 60));
    }

    /// The images that the log says are stored.
    pub(crate) async fn stored(&self) -> Vec<(Envelope, ImageStored)> {
        let found = self.log.all_under(&["evt.image-stored.>"]).await.unwrap();
        let found = found.into_iter().map(|recorded| recorded.content.unwrap());
        let image = |envelope: Envelope| match envelope.event.clone() {
            Event::ImageStored(stored) => (envelope, stored),
            other => panic!("{other:?}"),
        };
        found.map(image).collect()
    }

    /// Waits until so many images are stored and nothing waits any more.
    pub(crate) async fn wait_for(&self, images: usize) -> Vec<(Envelope, ImageStored)> {
        let done = || async { self.stored().await.len() >= images && self.waiting().await == 0 };
        let is_done = wait_until(LIMIT, done).await;
        let stored = self.stored().await;
        assert!(
            is_done && stored.len() == images,
            "{} of {images}, {} wait",
            stored.len(),
            self.waiting().await
        );
        stored
    }

    /// Notifications that wait.
    pub(crate) async fn waiting(&self) -> u64 {
        self.log.held_in(NOTIFICATIONS).await.unwrap()
    }

    /// Waits until so many are parked; the first of them.
    pub(crate) async fn parked(&self, count: u64) -> ParkedNotification {
        let held = || async { self.log.held_in(PARKED_NOTIFICATIONS).await.unwrap() };
        assert!(wait_until(LIMIT, || async { held().await >= count && self.waiting().await == 0 }).await);
        assert_eq!(held().await, count);
        let (_, first) = self.log.first_behind(PARKED_NOTIFICATIONS, 0).await.unwrap().unwrap();
        parked_of(&first)
    }

    /// Sees that neither log lines nor facts hold any of these words.
    pub(crate) async fn never_said(&self, words: &[&str]) {
        let mut said = std::fs::read_to_string(self.log_file()).unwrap();
        for (envelope, _) in self.stored().await {
            said += &format!("{envelope:?}");
        }
        for word in words {
            assert!(!said.contains(word), "{word} in {said}");
        }
    }
}

pub(crate) fn parked_of(bytes: &[u8]) -> ParkedNotification {
    ciborium::from_reader(bytes).unwrap()
}

/// A file of `tests/data`.
pub(crate) fn data(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    std::fs::read(folder.join(name)).unwrap()
}

/// As a form encodes it.
pub(crate) fn form_encoded(key: &str) -> String {
    let code = |byte: u8| match byte {
        b' ' => "+".to_owned(),
        byte if byte.is_ascii_alphanumeric() || b"-._*/".contains(&byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    key.bytes().map(code).collect()
}

/// What AWS says of an object.
pub(crate) fn aws(object: &ForeignObject) -> Value {
    json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": BUCKET}, "object": {
            "key": form_encoded(&object.key), "size": object.size_bytes, "eTag": object.e_tag,
            "sequencer": "0055AED6DCD90281E5"
        }}
    }]})
}

/// What EventBridge says of an object.
pub(crate) fn event_bridge(object: &ForeignObject) -> Value {
    json!({
        "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "Object Created", "source": "aws.s3",
        "detail": {"version": "0", "bucket": {"name": BUCKET}, "object": {
            "key": object.key, "size": object.size_bytes, "etag": object.e_tag, "sequencer": "617f08299329d189"
        }, "reason": "PutObject"}
    })
}

/// What MinIO says of an object.
pub(crate) fn minio(object: &ForeignObject) -> Value {
    json!({
        "EventName": "s3:ObjectCreated:Put", "Key": format!("{BUCKET}/{}", object.key),
        "Records": [{
            "eventVersion": "2.0", "eventSource": "minio:s3", "eventName": "s3:ObjectCreated:Put",
            "s3": {"bucket": {"name": BUCKET}, "object": {
                "key": form_encoded(&object.key).replace('/', "%2F"), "size": object.size_bytes, "eTag": object.e_tag,
                "versionId": "null", "sequencer": "17F5C0A4F4B1D2E3"
            }}
        }]
    })
}

/// What SNS wraps around what AWS says.
pub(crate) fn sns(message: &Value) -> Value {
    json!({"Type": "Notification", "TopicArn": "arn:aws:sns:us-west-2:123456789012:drop", "Message": message.to_string()})
}
