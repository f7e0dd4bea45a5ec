//! The frame of the end-to-end tests: real nats-server, Postgres and object storage, the real services as
//! processes, one stack per test.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "in tests a panic is the report")]

mod api;
mod checked_http;
mod desk;
mod dicom;
pub mod invariants;
mod journal;
mod load;
mod otlp;
mod proxy;
mod s3;
mod stack;

pub use api::{Upload, sample};
pub use checked_http::{Http, Request};
pub use desk::{Desk, Got};
pub use dicom::with_elements;
pub use journal::{Answer, Attempt, Journal};
pub use load::{Doors, Load, LoadPlan, Sender, Shipment};
pub use otlp::{OtlpReceiver, Span};
pub use proxy::{Proxy, Weather};
pub use s3::{S3Mood, S3Server};
pub use stack::{Dependency, Network, Peak, Stack, StackOptions, StoreKind, program, workspace};

use std::future::Future;
use std::time::Duration;

/// Asks again and again until there is an answer, [`LIMIT`] at most.
pub async fn until_some<T, F, Fut>(what: &str, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let mut beats = tokio::time::interval(Duration::from_millis(100));
    let answer = async {
        loop {
            beats.tick().await;
            if let Some(answer) = ask().await {
                return answer;
            }
        }
    };
    tokio::time::timeout(LIMIT, answer).await.unwrap_or_else(|_| panic!("{what}: not within {LIMIT:?}"))
}

/// Longest wait for anything: generous, for a slow machine under load.
pub const LIMIT: Duration = Duration::from_secs(120);
