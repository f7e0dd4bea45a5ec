//! Which engine reads, in how many replicas and in what batches: what proves itself on the golden cases and is fastest.

pub(crate) mod calibrate;
pub(crate) mod candidates;
pub(crate) mod chosen;
pub(crate) mod memory;
pub(crate) mod options;
pub(crate) mod replicas;
pub(crate) mod select;
pub(crate) mod self_check;
