//! The main job, end to end, on real input.

mod corpus;
mod main_job;
mod privacy;
mod refusals;
mod restarts;
mod studies;
mod telemetry;
