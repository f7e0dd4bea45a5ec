//! The main job, end to end, on real input.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod command_line;
mod complete;
mod corpus;
mod delivery;
mod demo;
mod examples;
mod failed_readings;
mod fairness;
mod field;
mod foreign_archives;
mod full_house;
mod hostile;
mod known_content;
mod long_wait;
mod main_job;
mod outages;
mod pictures;
mod poison;
mod privacy;
mod recovery;
mod redrive;
mod refusals;
mod report_forms;
mod restarts;
mod sealed;
mod steps;
mod studies;
mod sweep;
mod telemetry;
mod triage;
mod ways_in;
mod workers_die;
