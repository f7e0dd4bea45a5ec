//! Answers of the API that more than one service gives, in the form that callers rely on. Made of facts alone: knows no
//! network, no storage and no table.

mod result;

pub use result::{JobResult, UNTRAINED};
