//! Hilum's read side: folds all events into Postgres and answers queries from there. It writes no event and
//! no object, and all that it keeps can be made again from the log.

pub mod api;
mod batch;
pub mod config;
pub mod dicomweb;
pub mod domain;
pub mod fold;
pub mod headers;
mod insert;
pub mod job;
mod migrations;
mod pace;
pub mod pool;
pub mod position;
pub mod progress;
pub mod queries;
pub mod rows;
pub mod store;
