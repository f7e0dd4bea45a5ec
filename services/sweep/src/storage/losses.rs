//! Objects that the log names and that can't be had, and what is said of each. An image is what a job is about, so its
//! job is told by a dead letter; without its picture or document a reading is what it was, and people are told.

use std::collections::HashSet;

use hilum_blobs::{BlobStore, GetError};
use hilum_events::{BlobRef, Event, JobId, job_dead_letters_filter};
use hilum_log::{Log, UnavailableError};
use hilum_runtime::with_causes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::Record;
use crate::domain::{Finding, Kind, SWEEP};

/// So many lost objects are believed even if they are most of all.
const BELIEVED: usize = 100;
/// So many are told one by one; who lost more has lost the storage.
const TOLD: usize = 10_000;

/// What an object is to its fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// The upload itself.
    Image,
    /// A small picture for people.
    Picture,
    /// A report's document, or the page of an old one.
    Document,
}

/// An object as a fact names it.
#[derive(Debug, Clone)]
pub(super) struct Named {
    position: u64,
    part: Part,
    /// Its job, if it is an image.
    pub(super) job_id: Option<JobId>,
    pub(super) blob: BlobRef,
}

/// The objects that the fact at `position` is the first to name.
pub(super) fn named(position: u64, event: &Event) -> impl Iterator<Item = Named> {
    event.objects().into_iter().map(move |blob| {
        let (part, job_id) = match event {
            Event::ImageStored(e) => (Part::Image, Some(e.job_id)),
            Event::ReportIssued(e) if !e.previews.contains(blob) => (Part::Document, None),
            _ => (Part::Picture, None),
        };
        Named { position, part, job_id, blob: blob.clone() }
    })
}

/// Whether so many lost objects of so many look like the wrong storage rather than the loss of them.
pub(super) fn are_most(lost: usize, of: u64) -> bool {
    lost > BELIEVED && lost as u64 * 2 > of
}

/// An object that can't be had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Loss {
    /// The object.
    pub(crate) blob: BlobRef,
    /// Position of a fact that names it.
    pub(crate) position: u64,
    /// What it is to that fact.
    pub(crate) part: Part,
    /// Its job, if it is an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job_id: Option<JobId>,
    /// The store has it and does not hand it out.
    pub(crate) refused: bool,
    /// What the store said.
    pub(crate) why: String,
}

impl Loss {
    pub(super) fn of(named: &Named, error: &GetError) -> Self {
        let Named { position, part, job_id, blob } = named.clone();
        Self { blob, position, part, job_id, refused: error.is_transient(), why: with_causes(error) }
    }

    /// Whether its job is told by a dead letter.
    pub(super) fn is_to_be_parked(&self) -> bool {
        self.part == Part::Image && !self.refused
    }

    fn finding(&self, now: Timestamp) -> Finding {
        let Self { position, why, .. } = self;
        let named = |kind, to_do: &str| Finding {
            position: Some(*position),
            ..Finding::named(kind, format!("{why}; {to_do}"))
        };
        if self.refused {
            let to_do = "the storage answers and does not hand it out: see whether it was moved to a class for \
                         archives, and whether it may be read";
            return named(Kind::UnreadableObject, to_do);
        }
        match self.part {
            Part::Image => {
                let reason = format!("{why}; restore it from a copy of the storage, or send it again");
                let finding = Finding::parked(Kind::EventWithoutObject, *position, now, reason);
                Finding { job_id: self.job_id, ..finding }
            }
            Part::Picture => {
                let to_do = "restore this picture from a copy of the storage; reports are shown without it";
                named(Kind::LostPicture, to_do)
            }
            Part::Document => {
                let to_do = "restore this document from a copy of the storage; its report can't be shown";
                named(Kind::LostDocument, to_do)
            }
        }
    }
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
    pub(crate) async fn findings(
        &self,
        log: &Log,
        record: &mut Record,
        now: Timestamp,
    ) -> Result<Result<Vec<Finding>, Finding>, UnavailableError> {
        let new = self.losses.iter().filter(|loss| !record.knows(loss)).count();
        let (lost, all) = (new + record.lost.len(), record.objects(self.objects));
        if new > 0 && (are_most(new, self.objects) || are_most(lost, all) || lost > TOLD) {
            let reason = format!(
                "{new} of {} objects that the log names are not in storage; see whether HILUM_STORE_URL is right, \
                 else restore them; nothing was parked",
                self.objects
            );
            return Ok(Err(Finding::named(Kind::EventWithoutObject, reason)));
        }
        let (mut findings, mut told) = (Vec::new(), HashSet::new());
        for loss in &self.losses {
            // One finding tells of an object, and one dead letter of an image, whichever look found it.
            let is_first = told.insert(loss.blob.sha256);
            let is_parked = loss.is_to_be_parked() && (record.knows(loss) || was_told(log, loss).await?);
            if is_first && !is_parked {
                findings.push(loss.finding(now));
            }
            record.note_lost(loss);
        }
        Ok(Ok(findings))
    }
}

/// Whether a dead letter tells of it, also one that was written by the service that missed it first.
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
