//! The decoder processes: what they do ([`child_main`]), how one is held ([`process`]), and the pool of them, in
//! which callers wait for their turns ([`turns`]).

mod child;
mod config;
mod pool;
mod process;
mod turns;

pub use child::child_main;
pub use config::DecoderConfig;
pub use pool::DecoderPool;
pub use turns::OVERTAKEN_FOR_AT_MOST;
