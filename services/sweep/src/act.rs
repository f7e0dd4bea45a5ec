//! Doing what a discrepancy says. Each deed stands at most once in the log or changes nothing when repeated, so a second
//! sweep beside this one, or a crash in the middle, does no harm.

use hilum_blobs::{BlobStore, GetError, Removed};
use hilum_log::{AppendError, Log, UnavailableError};

use crate::domain::{Action, Discrepancy};

/// A discrepancy was not acted on; it is found again.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// The log is away.
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
    /// The log is away, or not the one it was.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The storage is away.
    #[error("cannot remove what was left unfinished")]
    Remove(#[from] GetError),
    /// The message is gone from the log.
    #[error("position {position} of the event stream is empty; restore it from a copy")]
    Gone {
        /// Where it stood.
        position: u64,
    },
}

/// Does what the discrepancy says; `false` when it turned out not to be so.
///
/// # Errors
/// When it was not done; the discrepancy is found again.
pub(crate) async fn act(log: &Log, blobs: &BlobStore, discrepancy: &Discrepancy) -> Result<bool, ActError> {
    if let Some(unfinished) = &discrepancy.unfinished {
        return Ok(blobs.remove_unfinished(unfinished).await? == Removed::Gone);
    }
    act_on_log(log, discrepancy).await?;
    Ok(true)
}

/// Does what the discrepancy says of the log.
///
/// # Errors
/// When it was not done; the discrepancy is found again.
pub async fn act_on_log(log: &Log, discrepancy: &Discrepancy) -> Result<(), ActError> {
    let Some(position) = discrepancy.position else { return Ok(()) };
    match discrepancy.action {
        Action::Name | Action::Remove => {}
        Action::HandOutAgain => {
            log.hand_out_again(&discrepancy.consumer, position, &discrepancy.reason).await?;
        }
        Action::Park | Action::WriteAnew => {
            let recorded = log.at(position).await?.ok_or(ActError::Gone { position })?;
            log.give_up(&discrepancy.consumer, &recorded, discrepancy.tries.clone()).await?;
            // A ticket that the server gave up on would stand for ever.
            log.withdraw_retry(&discrepancy.consumer, position).await?;
        }
    }
    Ok(())
}
