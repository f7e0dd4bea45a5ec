//! The objects of a report, read back by other eyes than those that wrote them.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod foreign_archive;
mod foreign_tools;
mod read_back;
mod story;
mod transfer;
mod whose;
