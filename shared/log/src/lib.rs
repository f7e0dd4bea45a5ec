//! The JetStream port: append a fact once, hand out work with retry, park what cannot be handled, follow the
//! whole log. The only crate that knows NATS.

mod advisory;
mod append;
mod clock;
mod connection;
mod consumer;
mod dead_letter;
mod definition;
mod failpoint;
mod follow;
mod loss;
mod need;
mod pictures;
mod recorded;
mod retry;
mod retry_ticket;
mod same;
mod share;
mod work;

pub use advisory::{Advisory, AdvisoryKind};
pub use append::{AppendError, Appended};
pub use clock::{CLOCK_NOTE, ServerClock, WallClock};
pub use connection::{ConnectError, ConsumerPosition, Log, QueueDepth, StreamPosition, UnavailableError};
pub use consumer::Ensured;
pub use dead_letter::DeadLetter;
pub use definition::{
    ApplyError, ConsumerDefinition, Drift, Retention, StreamDefinition, apply, apply_definitions,
    definitions, drift, service_of, target_of,
};
pub use failpoint::{reach, reach_with};
pub use follow::Follower;
pub use loss::{Gap, HoleError};
pub use need::{Need, Unmet};
pub use recorded::{Recorded, Trace};
pub use retry::{Attempts, retry};
pub use retry_ticket::Try;
pub use same::{OtherLog, SEAL_RECORD, Seal, SealError};
pub use work::{Delivery, Failure, Handle, WorkConfig, WorkError, work};
