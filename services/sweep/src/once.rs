//! Looking once, for an operator: what is wrong now, and doing something about it unless asked not to.

use hilum_blobs::BlobStore;
use hilum_log::Log;

use crate::act::act;
use crate::deep::Deep;
use crate::domain::{Action, Discrepancy};
use crate::pace::Pace;
use crate::seal::SealKeeper;
use crate::sweeper::{LookError, Memory, Sweeper};
use crate::swept::{Looked, Mode, OnceError, Swept};

/// Folds the log to its end, acts on each discrepancy and hands it to `tell`. Returns how much a deep look looked at.
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
    let discrepancies = sweeper.look(now).await?;
    let mut act_on = async |discrepancy: Discrepancy| {
        let acts = !mode.dry_run && discrepancy.action != Action::Name;
        let done = acts && act(log, blobs, &discrepancy).await?;
        tell(&Swept { discrepancy, done });
        Ok::<_, OnceError>(())
    };
    for discrepancy in discrepancies {
        act_on(discrepancy).await?;
    }
    let Some(digits) = &mode.deep else { return Ok(Looked::default()) };
    Deep { log, blobs, pace, digits, dry_run: mode.dry_run }.look(&mut act_on).await
}
