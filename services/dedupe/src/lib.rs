//! Decides by content hash whether an image needs a reading or shares one.

mod config;
mod domain;
mod flagged;
mod shell;
mod unserved;

pub use config::{Config, OLD_NAMES};
pub use shell::Dedupe;
pub use unserved::watch as watch_unserved;
