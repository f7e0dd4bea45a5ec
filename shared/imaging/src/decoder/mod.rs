//! The decoder processes: what they do ([`child_main`]), how one is held ([`process`]), and the pool of them.

mod child;
mod config;
mod pool;
mod process;

pub use child::child_main;
pub use config::DecoderConfig;
pub use pool::DecoderPool;
