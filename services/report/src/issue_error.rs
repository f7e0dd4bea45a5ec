//! Why a report was not issued.

use hilum_blobs::{GetError, PutError};
use hilum_imaging::DecodeError;
use hilum_log::AppendError;
use hilum_reports::Flaw;

use crate::compose::ComposeError;
use crate::facts::FactError;
use crate::setbacks::SetbackKind;

/// The report was not issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    /// The facts can't be had.
    #[error(transparent)]
    Facts(#[from] FactError),
    /// The facts do not fit together.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// What was made is not fit to be given to anybody.
    #[error("the report has a flaw and is not issued; a release that makes it without will issue it")]
    Flaw(#[from] Flaw),
    /// An image could not be fetched.
    #[error("cannot fetch an image for its preview")]
    Fetch(#[source] GetError),
    /// The report of the earlier study could not be fetched.
    #[error("cannot fetch the report of the earlier study")]
    Earlier(#[source] GetError),
    /// The decoder could not work.
    #[error("cannot make a preview")]
    Preview(#[source] DecodeError),
    /// The headers could not be read that say which patient the images are of.
    #[error("cannot read the headers of the study's images")]
    Header(#[source] DecodeError),
    /// The document has no JSON form.
    #[error("cannot write the document")]
    Document(#[from] serde_json::Error),
    /// The report could not be stored.
    #[error("cannot store a report")]
    Store(#[from] PutError),
    /// It is stored and the log does not say so.
    #[error("cannot tell the log of a report")]
    Append(#[source] AppendError),
}

impl IssueError {
    /// Whether trying again is likely to help.
    pub(crate) fn kind(&self) -> SetbackKind {
        match self {
            Self::Facts(FactError::Unavailable(_))
            | Self::Fetch(_)
            | Self::Earlier(_)
            | Self::Preview(_)
            | Self::Header(_)
            | Self::Store(_) => SetbackKind::Transient,
            Self::Append(error) if error.passes() => SetbackKind::Transient,
            Self::Facts(FactError::Missing { .. } | FactError::Unreadable { .. })
            | Self::Compose(_)
            | Self::Flaw(_)
            | Self::Document(_)
            | Self::Append(_) => SetbackKind::Stuck,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_the_log_refuses_is_stuck_and_one_for_which_there_is_no_room_is_tried_again() {
        let kind = |error: fn(Box<dyn std::error::Error + Send + Sync>) -> AppendError| {
            IssueError::Append(error("no".into())).kind()
        };
        assert_eq!(kind(AppendError::Refused), SetbackKind::Stuck);
        assert_eq!([kind(AppendError::Full), kind(AppendError::Unavailable)], [SetbackKind::Transient; 2]);
    }
}
