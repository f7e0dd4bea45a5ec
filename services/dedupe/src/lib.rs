//! Decides by content hash whether an image needs a reading or shares one.

mod config;
mod domain;
mod flagged;
mod shell;

pub use config::Config;
pub use shell::Dedupe;
