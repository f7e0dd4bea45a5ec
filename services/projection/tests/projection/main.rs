//! The projection on real Postgres and NATS.

mod answers;
mod folding;
mod harness;
mod outages;
mod pool;
mod speed;
mod waiting;
