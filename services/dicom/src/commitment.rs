//! Storage commitment (PS3.4, annex J): a sender names instances and asks whether they are safe, so that it may delete its own.
//! What it is told is held against the log and the storage when it asks: a fact, and an object with its length.

mod caller_back;
mod data_set;
mod held;
mod results;

pub(crate) use data_set::{CommitmentRequest, REQUEST_MAX, report};
pub(crate) use held::Held;
pub(crate) use results::Results;

/// A request that can't be used, or not now: statuses of PS3.7, C.
pub(crate) const PROCESSING_FAILURE: u16 = 0x0110;
pub(crate) const INVALID_ARGUMENT: u16 = 0x0115;
pub(crate) const NO_SUCH_ACTION: u16 = 0x0123;
pub(crate) const RESOURCE_LIMITATION: u16 = 0x0213;
/// Why an instance is not committed (PS3.3, C.14-1).
pub(crate) const NO_SUCH_INSTANCE: u16 = 0x0112;
/// It is there as an instance of another class.
pub(crate) const CLASS_CONFLICT: u16 = 0x0119;
