//! The simulation, and what shows that it can be believed.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod contract;
mod flaws;
mod redriving;
mod running;
