//! One object that the log names, and the discrepancy when it can't be had. An image is what a job is about, so its job gets a dead
//! letter; without its picture or document a reading is what it was, and people are asked to restore it.

use hilum_blobs::GetError;
use hilum_events::{BlobRef, Event, JobId};
use hilum_runtime::with_causes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{Discrepancy, Kind};

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

    /// Whether its job gets a dead letter.
    pub(super) fn is_to_be_parked(&self) -> bool {
        self.part == Part::Image && !self.refused
    }

    pub(super) fn discrepancy(&self, now: Timestamp) -> Discrepancy {
        let Self { position, why, .. } = self;
        let named = |kind, to_do: &str| Discrepancy {
            position: Some(*position),
            ..Discrepancy::named(kind, format!("{why}; {to_do}"))
        };
        if self.refused {
            let to_do = "the storage answers and does not hand it out: see whether it was moved to a class for \
                         archives, and whether it may be read";
            return named(Kind::UnreadableObject, to_do);
        }
        match self.part {
            Part::Image => {
                let reason = format!("{why}; restore it from a copy of the storage, or send it again");
                let discrepancy = Discrepancy::parked(Kind::EventWithoutObject, *position, now, reason);
                Discrepancy { job_id: self.job_id, ..discrepancy }
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
