//! From images that wait to batches that are read: a thread for each replica, which takes what waits.

pub(crate) mod batcher;
pub(crate) mod thread;
pub(crate) mod worker;
