//! The main job, end to end, on real input.

mod command_line;
mod corpus;
mod main_job;
mod privacy;
mod refusals;
mod restarts;
mod studies;
mod telemetry;
