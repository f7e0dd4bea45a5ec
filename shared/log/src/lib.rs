//! The JetStream port: append a fact once, hand out work with retry, park what cannot be handled, follow the
//! whole log. The only crate that knows NATS.

mod advisory;
mod append;
mod clock;
mod connection;
mod consumer;
mod count;
mod dead_letter;
mod definition;
mod floors;
mod follow;
mod lane;
mod ledger;
mod loss;
mod need;
mod pictures;
mod queues;
mod recorded;
mod retry_ticket;
mod same;
mod server;
mod shares;
mod ticket_subject;
mod trouble;
mod waiting;
mod work;

pub use advisory::{Advisory, AdvisoryKind};
pub use append::{AppendError, Appended};
pub use clock::{CLOCK_NOTE, ServerClock, WallClock};
pub use connection::{ConnectError, Log, StreamPosition, UnavailableError};
pub use consumer::Ensured;
pub use dead_letter::DeadLetter;
pub use definition::{
    ApplyError, ConsumerDefinition, Drift, Retention, StreamDefinition, apply, apply_definitions,
    apply_definitions_knowing, apply_knowing, definitions, drift, service_of, target_of,
};
pub use floors::{FLOORS_RECORD, Floors, FloorsError, MadeAnew};
pub use follow::Follower;
pub use lane::{Lanes, consumer_of, declared as declared_consumer};
pub use ledger::unseen as unseen_lane;
pub use loss::{Gap, HoleError};
pub use need::{Need, Unmet};
pub use queues::{ConsumerPosition, QueueDepth};
pub use recorded::{Recorded, Trace};
pub use retry_ticket::Try;
pub use same::{OtherLog, SEAL_RECORD, Seal, SealError};
pub use server::{Answer, AwayError, LogServer, Publish, PublishFailure, Published};
pub use ticket_subject::{TicketSubject, due_tickets_filter};
pub use trouble::Trouble;
pub use waiting::SiteQueue;
pub use work::{Delivery, Failure, Handed, Handle, Reply, WorkConfig, WorkError, Worker, work};
