//! Compares the log with itself, with its queues, the dead letters, the advisories and object storage, and repairs,
//! parks or names what it finds. It folds the log into memory and keeps nothing else; a second copy is harmless.

mod act;
mod config;
mod domain;
mod doubts;
mod floors;
mod once;
mod seal;
mod shell;
mod storage;
mod sweeper;

pub use config::Config;
pub use domain::{Action, Finding, Kind};
pub use floors::FloorKeeper;
pub use once::{Mode, OnceError, Swept, once};
pub use seal::{BrokenSealError, SealKeeper};
pub use shell::{Pace, RunError, Sweep};
