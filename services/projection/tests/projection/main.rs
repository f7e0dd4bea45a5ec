//! The projection on real Postgres and NATS.
#![allow(clippy::unwrap_used, reason = "a test that can't go on panics")]

mod answers;
mod dead_letters;
mod decisions;
mod deliveries;
mod dicomweb;
mod folding;
mod harness;
mod losses;
mod outages;
mod pool;
mod program;
mod reports;
mod unserved;
mod waiting;
