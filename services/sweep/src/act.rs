//! Doing what a finding says. Each deed stands at most once in the log or changes nothing when repeated, so a second
//! sweep beside this one, or a crash in the middle, does no harm.

use hilum_blobs::{BlobStore, GetError, Removed};
use hilum_log::{AppendError, Log, UnavailableError};

use crate::domain::{Action, Finding};

/// A finding was not acted on; it is found again.
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

/// Does what the finding says; `false` when it turned out not to be so.
pub(crate) async fn act(log: &Log, blobs: &BlobStore, finding: &Finding) -> Result<bool, ActError> {
    if let Some(unfinished) = &finding.unfinished {
        return Ok(blobs.remove_unfinished(unfinished).await? == Removed::Gone);
    }
    let Some(position) = finding.position else { return Ok(true) };
    match finding.action {
        Action::Name | Action::Remove => {}
        Action::HandOutAgain => {
            log.hand_out_again(&finding.consumer, position, &finding.reason).await?;
        }
        Action::Park | Action::WriteAnew => {
            let recorded = log.at(position).await?.ok_or(ActError::Gone { position })?;
            log.give_up(&finding.consumer, &recorded, finding.tries.clone()).await?;
            // A ticket that the server gave up on would stand for ever.
            log.withdraw_retry(&finding.consumer, position).await?;
        }
    }
    Ok(true)
}
