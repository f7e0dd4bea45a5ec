//! Real servers as child processes on loopback: nats-server and Postgres. For `hilum up` and for tests; the
//! services never know how their servers were started.

mod nats;
mod postgres;
mod process;

pub use nats::{ClusterNode, NatsOptions, NatsServer};
pub use postgres::{Postgres, PostgresOptions};
pub use process::{Process, ServerError, free_port, http_status, wait_until};
