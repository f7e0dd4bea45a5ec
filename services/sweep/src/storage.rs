//! The looks at object storage: which objects are there against what the log names, whether each still is what was
//! stored, and what writers left unfinished. Each goes on where it stopped; a record in the storage says where.

mod contents;
mod loss;
mod losses;
mod names;
mod record;
mod unfinished;

use hilum_blobs::{GetError, PutError};
use hilum_log::{OtherLog, UnavailableError};

pub(crate) use contents::{Stretch, hash_on};
pub(crate) use losses::{Losses, healed};
pub(crate) use names::{Names, compare};
pub(crate) use record::{Compared, Record};
pub(crate) use unfinished::unfinished;

/// The look was not finished.
#[derive(Debug, thiserror::Error)]
pub enum StorageLookError {
    /// The log is away.
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
    /// The log is another one than before.
    #[error(transparent)]
    OtherLog(#[from] OtherLog),
    /// The storage is away.
    #[error(transparent)]
    Storage(#[from] GetError),
    /// The storage does not take the record.
    #[error("cannot note how far the look at the storage is")]
    Record(#[from] PutError),
}
