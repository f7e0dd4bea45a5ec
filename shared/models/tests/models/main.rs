//! Model folders on disk.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod add_file;
mod folders;
