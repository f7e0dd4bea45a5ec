//! Looking once, for an operator: what is wrong now, and doing something about it unless asked not to.

use hilum_blobs::BlobStore;
use hilum_log::Log;

use crate::act::{ActError, act};
use crate::deep::Deep;
use crate::domain::Finding;
use crate::seal::{KeepError, SealKeeper};
use crate::shell::Pace;
use crate::storage::StorageLookError;
use crate::sweeper::{LookError, Memory, Sweeper};

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
    pub finding: Finding,
    /// Whether that was done which it says. Of what is only named: false.
    pub done: bool,
}

impl Swept {
    /// Whether nothing is left to do for anybody.
    pub fn is_settled(&self) -> bool {
        self.done || (self.finding.action == crate::Action::Name && !self.finding.needs_somebody())
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

/// Folds the log to its end and tells `tell` of each finding, after acting on it. Gives how much a deep look looked at.
///
/// # Errors
/// When the log or the storage is away, or the log does not fit its seal: then nothing more is done.
pub async fn once(
    log: &Log,
    blobs: &BlobStore,
    pace: &Pace,
    mode: &Mode,
    mut tell: impl FnMut(&Swept),
) -> Result<Looked, OnceError> {
    SealKeeper::new(log.clone(), blobs.clone()).check().await?;
    let mut sweeper = Sweeper::new(log.clone(), pace.limits(), Memory::OfOneLook);
    let now = log.server_time().await.map_err(LookError::from)?;
    let findings = sweeper.look(now).await?;
    let mut act_on = async |finding: Finding| {
        let acts = !mode.dry_run && finding.action != crate::Action::Name;
        let done = acts && act(log, blobs, &finding).await?;
        tell(&Swept { finding, done });
        Ok::<_, OnceError>(())
    };
    for finding in findings {
        act_on(finding).await?;
    }
    let Some(digits) = &mode.deep else { return Ok(Looked::default()) };
    Deep { log, blobs, pace, digits, dry_run: mode.dry_run }.look(&mut act_on).await
}

impl From<KeepError> for OnceError {
    fn from(error: KeepError) -> Self {
        match error.unless_broken() {
            Ok(away) => Self::Seal(away),
            Err(broken) => Self::Seal(broken.into()),
        }
    }
}
