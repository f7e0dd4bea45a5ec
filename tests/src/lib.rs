//! The frame of the end-to-end tests: real nats-server, Postgres and object storage, the real services as
//! processes, one stack per test.

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "in tests a panic is the report")]

mod api;
mod otlp;
mod s3;
mod stack;

pub use api::{Upload, sample};
pub use otlp::{OtlpReceiver, Span};
pub use s3::S3Server;
pub use stack::{Stack, StackOptions, StoreKind, program, workspace};

use std::time::Duration;

/// Longest wait for anything: generous, for a slow machine under load.
pub const LIMIT: Duration = Duration::from_secs(120);
