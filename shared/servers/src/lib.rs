//! Real servers as child processes on loopback: nats-server and Postgres, for `hilum up` and for tests. The services never
//! know how their servers were started.

mod activity;
mod copy;
mod damage;
mod nats;
mod ports;
mod postgres;
mod process;
mod tail;
mod test_folder;
mod wait;

pub use activity::{Activity, wait_while_working};
pub use copy::copy_folder;
pub use damage::damage_message;
pub use nats::{ClusterNode, NatsOptions, NatsServer};
pub use ports::{free_port, is_free, lease_port};
pub use postgres::{Postgres, PostgresOptions};
pub use process::{Process, ServerError, http_status};
pub use tail::tail;
pub use test_folder::TestFolder;
pub use wait::wait_until;
