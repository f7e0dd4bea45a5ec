//! The service as a program, against a real nats-server and a real S3 server, with real images.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod archives;
mod bench;
mod commands;
mod foreign;
mod killed;
mod lists;
mod notified;
mod refused;
mod results;
mod s3;
mod webhook;
