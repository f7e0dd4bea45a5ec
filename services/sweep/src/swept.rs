//! What an operator's look comes to.

use crate::act::ActError;
use crate::domain::{Action, Discrepancy};
use crate::seal::KeepError;
use crate::storage::StorageLookError;
use crate::sweeper::LookError;

/// How to look.
#[derive(Debug, Clone)]
pub struct Mode {
    /// Change nothing.
    pub dry_run: bool,
    /// Also compare the log with object storage, and read each object whose hash begins with these digits.
    pub deep: Option<String>,
}

/// How much a deep look has looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Objects.
    pub objects: u64,
    /// Their lengths, bytes.
    pub size_bytes: u64,
}

/// What was found and whether it was acted on.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Swept {
    /// What was found.
    #[serde(flatten)]
    pub discrepancy: Discrepancy,
    /// Whether that was done which it says. Of what is only named: false.
    pub done: bool,
}

impl Swept {
    /// Whether nothing is left to do for anybody.
    pub fn is_settled(&self) -> bool {
        self.done || (self.discrepancy.action == Action::Name && !self.discrepancy.needs_somebody())
    }
}

/// The look was not finished.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what it is")]
pub enum OnceError {
    #[error(transparent)]
    Look(#[from] LookError),
    #[error(transparent)]
    Storage(#[from] StorageLookError),
    #[error("cannot act on what was found")]
    Act(#[from] ActError),
    #[error(transparent)]
    Seal(Box<dyn std::error::Error + Send + Sync>),
}

impl From<KeepError> for OnceError {
    fn from(error: KeepError) -> Self {
        match error.unless_broken() {
            Ok(away) => Self::Seal(away),
            Err(broken) => Self::Seal(broken.into()),
        }
    }
}
