//! What tests of the doors work with: a real nats-server with its streams, and readings that others made.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use hilum_events::{
    Envelope, Event, InferenceCompleted, InferenceRequested, ReadingId, Sha256Digest, samples,
};
use hilum_log::{Appended, Log, apply_definitions};
use hilum_servers::{NatsOptions, NatsServer, TestFolder};

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
