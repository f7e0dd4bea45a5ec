//! Objects that the log names and that can't be had: which of them are news, and when it is rather the wrong storage.

use std::collections::HashSet;

use hilum_blobs::{BlobStore, GetError};
use hilum_events::job_dead_letters_filter;
use hilum_log::{Log, UnavailableError};
use jiff::Timestamp;

use super::loss::Loss;
use super::record::Record;
use crate::domain::{Discrepancy, Kind, SWEEP};

/// So many lost objects are believed even if they are most of all.
const BELIEVED: usize = 100;
/// So many are named one by one; an installation that lost more has lost its storage.
const TOLD: usize = 10_000;

/// Whether so many lost objects of so many look like the wrong storage rather than the loss of them.
pub(super) fn are_most(lost: usize, of: u64) -> bool {
    lost > BELIEVED && lost as u64 * 2 > of
}

/// What a part of a look has lost, of how many.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// What can't be had.
    pub(crate) losses: Vec<Loss>,
    /// How many objects were looked at.
    pub(crate) objects: u64,
}

impl Losses {
    /// What is to be said of them at `now`, and notes them in the record.
    ///
    /// # Errors
    /// Within, why nothing is to be done: it is most likely the wrong storage, and thousands of jobs shall not fail by a
    /// wrong setting.
    pub(crate) async fn discrepancies(
        &self,
        log: &Log,
        record: &mut Record,
        now: Timestamp,
    ) -> Result<Result<Vec<Discrepancy>, Discrepancy>, UnavailableError> {
        let new = self.losses.iter().filter(|loss| !record.knows(loss)).count();
        let (lost, all) = (new + record.lost.len(), record.objects(self.objects));
        if new > 0 && (are_most(new, self.objects) || are_most(lost, all) || lost > TOLD) {
            let reason = format!(
                "{new} of {} objects that the log names are not in storage; see whether HILUM_STORE_URL is right, \
                 else restore them; nothing was parked",
                self.objects
            );
            return Ok(Err(Discrepancy::named(Kind::EventWithoutObject, reason)));
        }
        let (mut discrepancies, mut told) = (Vec::new(), HashSet::new());
        for loss in &self.losses {
            // An object has one discrepancy, and an image one dead letter, whichever look found it.
            let is_first = told.insert(loss.blob.sha256);
            let is_parked = loss.is_to_be_parked() && (record.knows(loss) || was_told(log, loss).await?);
            if is_first && !is_parked {
                discrepancies.push(loss.discrepancy(now));
            }
            record.note_lost(loss);
        }
        Ok(Ok(discrepancies))
    }
}

/// Whether a dead letter names it, also one that was written by the service that missed it first.
async fn was_told(log: &Log, loss: &Loss) -> Result<bool, UnavailableError> {
    let Some(job_id) = loss.job_id else { return Ok(false) };
    if log.dead_letter(SWEEP, loss.position).await?.is_some() {
        return Ok(true);
    }
    Ok(log.last(&job_dead_letters_filter(job_id)).await?.is_some())
}

/// What was lost and can be had again.
pub(crate) async fn healed(blobs: &BlobStore, record: &Record) -> Result<Vec<Loss>, GetError> {
    let mut healed = Vec::new();
    for loss in &record.lost {
        match blobs.verify(&loss.blob).await {
            Ok(()) => healed.push(loss.clone()),
            Err(error) if error.is_transient() && !loss.refused => return Err(error),
            Err(_) => {}
        }
    }
    Ok(healed)
}
