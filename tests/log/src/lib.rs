//! What tests of the doors work with: a real nats-server with its streams, and readings that others made.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod spoilt;

use std::path::{Path, PathBuf};
use std::time::Duration;

use hilum_events::{
    Envelope, Event, ImageStored, InferenceCompleted, InferenceRequested, ReadingId, Sha256Digest, samples,
};
use hilum_log::{Appended, Log, apply_definitions};
use hilum_servers::{NatsOptions, NatsServer, TestFolder};

pub use spoilt::spoilt_files;

/// Long enough for a loaded machine; nothing waits for it to pass.
pub const LIMIT: Duration = Duration::from_secs(60);
/// Of the model that made the readings.
pub const READING_KEY: &str = "densenet121-demo@1";

/// A log of its own, in a folder that goes with it.
pub struct TestLog {
    /// The server.
    pub nats: NatsServer,
    /// The log on it.
    pub log: Log,
    /// For whatever else a test keeps.
    pub folder: TestFolder,
}

impl TestLog {
    /// Starts the server and makes the streams of `streams/`.
    pub async fn start() -> Self {
        let folder = TestFolder::new().unwrap();
        let nats = NatsServer::start(&NatsOptions::in_folder(folder.path().join("nats"))).await.unwrap();
        let log = Log::connect(&nats.url(), "test").await.unwrap();
        apply_definitions(&log, 1).await.unwrap();
        Self { nats, log, folder }
    }

    /// Appends a fact.
    pub async fn append(&self, envelope: &Envelope) -> Appended {
        self.log.append(envelope).await.unwrap()
    }

    /// The facts of all images that are there, in the order of the log.
    pub async fn stored(&self) -> Vec<(Envelope, ImageStored)> {
        let all = self.log.all_under(&["evt.image-stored.>"]).await.unwrap();
        let fact = |envelope: Envelope| match envelope.event.clone() {
            Event::ImageStored(stored) => (envelope, stored),
            other => panic!("{other:?}"),
        };
        all.into_iter().map(|recorded| fact(recorded.content.unwrap())).collect()
    }

    /// Where the objects of a door are that uses this log.
    pub fn objects(&self) -> PathBuf {
        self.folder.path().join("objects")
    }

    /// The bytes of an image that is there.
    pub fn object(&self, stored: &ImageStored) -> Vec<u8> {
        std::fs::read(self.objects().join(&stored.image.blob.key)).unwrap()
    }

    /// What every door is told of it: it keeps objects beside the log and takes images however long they wait.
    pub fn door_settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("HILUM_NATS_URL", self.nats.url()),
            ("HILUM_STORE_URL", format!("file://{}", self.objects().display())),
            ("HILUM_LEAST_FREE_MIB", "0".to_owned()),
            ("HILUM_MAX_WAIT_S", "0".to_owned()),
        ]
    }

    /// A reading of `content` that job `number` asked for.
    pub async fn read(&self, number: u128, content: &[u8]) {
        let image = samples::image_stored(number, "any", 0);
        let request = requested(number, content);
        let request = image.next(samples::at(1), Event::InferenceRequested(request));
        let completed = request.next(samples::at(2), Event::InferenceCompleted(completed(number, content)));
        for envelope in [image, request, completed] {
            self.append(&envelope).await;
        }
    }
}

/// All files below a folder, those of a folder by their names.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries.into_iter().flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Bytes of memory that a process holds.
pub fn memory_bytes(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// What a service on this port shows of a metric, named with its labels as its page has them; 0 when it is not there.
pub async fn metric(port: u16, line: &str) -> f64 {
    let url = format!("http://127.0.0.1:{port}/metrics");
    let client = hilum_runtime::http_client().build().unwrap();
    let page = client.get(url).send().await.unwrap().text().await.unwrap();
    let found = page.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
    found.map_or(0.0, |value| value.trim().parse().unwrap())
}

/// The reading of this content by that model.
pub fn reading_id(content: &[u8]) -> ReadingId {
    ReadingId::of(&Sha256Digest::of(content), READING_KEY)
}

/// That job `number` asked for the reading of this content.
pub fn requested(number: u128, content: &[u8]) -> InferenceRequested {
    match samples::inference_requested(number, "any", 0).event {
        Event::InferenceRequested(request) => {
            InferenceRequested { reading_id: reading_id(content), ..request }
        }
        other => panic!("{other:?}"),
    }
}

/// The reading of this content that job `number` asked for.
pub fn completed(number: u128, content: &[u8]) -> InferenceCompleted {
    match samples::inference_completed(number, "any", 0).event {
        Event::InferenceCompleted(reading) => {
            InferenceCompleted { reading_id: reading_id(content), ..reading }
        }
        other => panic!("{other:?}"),
    }
}
