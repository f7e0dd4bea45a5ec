//! Work: takes the messages of durable consumers, the most urgent first, as many at a time as a service wants in hand, until it is
//! asked to stop. What becomes of each message is decided in `settle`.

mod attempt;
mod calm;
mod choice;
mod config;
mod fate;
mod handle;
mod need;
mod pull;
mod queue;
mod settle;
mod settler;
mod single;
mod slots;
mod source;
mod take;
mod ticket;
mod turns;
mod waits;

pub use config::{WorkConfig, WorkError};
pub use handle::{Failure, Handle, WorkItem};
pub use need::{Need, Unmet};
pub use queue::{Queue, QueueConsumer, Queued, encoded};
pub use settler::Handout;
pub use single::{Reply, Worker};
pub use take::work;
pub(crate) use ticket::Ticket;
