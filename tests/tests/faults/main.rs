//! Faults by seed under load, healed, drained and checked against the sender's own journal.
//!
//! `HILUM_FAULT_RUNS` runs (by default each kind of fault once) from seed `HILUM_FAULT_SEED` on. A seed decides on
//! the fault and on everything about it that can be decided.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod batch;
mod catalogue;
mod chronicle;
mod cluster;
mod course;
mod harm;
mod log_harm;
mod strike;
mod table;
