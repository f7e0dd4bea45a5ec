//! The main job, end to end, on real input.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod command_line;
mod corpus;
mod main_job;
mod outages;
mod privacy;
mod refusals;
mod restarts;
mod studies;
mod telemetry;
