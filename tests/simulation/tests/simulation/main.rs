//! The simulation, and what shows that it can be believed.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod contract;
mod flaws;
mod redriving;
mod running;
