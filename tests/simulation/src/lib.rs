//! The core without servers: the real services, a server in memory that answers as nats-server does, simulated time, and
//! crashes, losses and deliveries by seed. See docs/reliability.md and ADR 0034.

mod judge;
pub mod memory;
mod outside;
mod process;
mod random;
mod run;
mod scenario;
mod server;

pub use judge::Violation;
pub use run::{Outcome, run, run_traced};
pub use scenario::Flaw;
pub use server::Shared;
