//! The JetStream port: append a fact once, hand out work with retry, park what cannot be handled, follow the
//! whole log. The only crate that knows NATS.

mod append;
mod connection;
mod dead_letter;
mod definition;
mod follow;
mod recorded;
mod retry;
mod work;

pub use append::{AppendError, Appended};
pub use connection::{ConnectError, Log, QueueDepth, StreamPosition, UnavailableError};
pub use dead_letter::DeadLetter;
pub use definition::{ApplyError, Drift, StreamDefinition, apply_definitions, definitions, drift};
pub use follow::Follower;
pub use recorded::Recorded;
pub use retry::{Attempts, retry};
pub use work::{Delivery, Failure, Handle, WorkConfig, WorkError, work};
