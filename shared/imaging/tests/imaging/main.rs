//! The decoder as a program, on real, odd and hostile files.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod collection;
mod corpus;
mod encodings;
mod facts;
mod field;
mod golden;
mod hostile;
mod pixels;
mod pool;
mod preview;
mod processes;
mod study_header;
mod support;
mod windows;
