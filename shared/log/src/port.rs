//! The port: one log, its facts, and how it is known to be the one it was. Append, read, follow, seal, and what it costs to lose
//! something.

mod append;
mod append_error;
mod clock;
mod elsewhere;
mod error;
mod follow;
mod gap;
mod knowledge;
mod ledger;
mod log;
mod loss;
mod other_log;
mod pictures;
mod position;
mod probe;
mod read;
mod recorded;
mod seal;
mod server;
mod standing;
mod trouble;
mod waiting;

pub use append::Appended;
pub use append_error::AppendError;
pub use clock::{CLOCK_NOTE, ServerClock, WallClock};
pub use error::{ConnectError, UnavailableError};
pub use follow::Follower;
pub use gap::{Gap, HoleError};
pub(crate) use ledger::Progress;
pub use ledger::unseen as unseen_lane;
pub use log::Log;
pub use other_log::{OtherLog, SealError};
pub use position::StreamPosition;
pub use recorded::{Recorded, Trace};
pub(crate) use recorded::{of_message, timestamp};
pub use seal::{SEAL_RECORD, Seal};
pub(crate) use server::asked;
pub use server::{Answer, AwayError, LogServer, Publish, PublishFailure, Published};
pub use trouble::Trouble;
pub use waiting::SiteQueue;
