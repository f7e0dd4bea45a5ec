//! Compares the log with itself, with its queues, the dead letters, the advisories and object storage, and repairs,
//! parks or names what it finds. It folds the log into memory and keeps in storage how far it looked there; a second copy is
//! harmless.

mod act;
mod config;
mod deep;
mod domain;
mod doubts;
mod floors;
mod once;
mod pace;
mod seal;
mod service;
mod shell;
mod storage;
mod storage_shell;
mod sweeper;
mod swept;

pub use act::{ActError, act_on_log};
pub use config::Config;
pub use domain::{Action, Discrepancy, Kind, Limits};
pub use floors::FloorKeeper;
pub use once::once;
pub use pace::Pace;
pub use seal::{BrokenSealError, SealKeeper};
pub use service::Sweep;
pub use shell::RunError;
pub use sweeper::{LookError, Memory, Sweeper};
pub use swept::{Looked, Mode, OnceError, Swept};
