//! The facts that a report is made of: which a brief names, and what each says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hilum_events::{BlobRef, Envelope, Event, ImageStored, JobId, MediaType, ReportIssued, StoredImage};
use jiff::Timestamp;

use crate::domain::{Brief, BriefImage, Outcome};

/// A fact as it was read back from the log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredFact {
    pub(crate) seq: u64,
    pub(crate) stored_at: Timestamp,
    pub(crate) envelope: Envelope,
}

/// The facts that a brief names, by position.
pub(crate) type Story = BTreeMap<u64, Arc<StoredFact>>;

/// The log does not say what the fold of it said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// A fact was not fetched.
    #[error("the report needs the event at position {seq}, which is missing")]
    Missing {
        /// Where it stands.
        seq: u64,
    },
    /// It is another fact.
    #[error("the event at position {seq} is {found}, which does not fit its image")]
    Unexpected {
        /// Where it stands.
        seq: u64,
        /// What it is.
        found: &'static str,
    },
}

/// Positions of all facts that a report is made of.
pub(crate) fn needed(brief: &Brief) -> BTreeSet<u64> {
    let of_image = |image: &BriefImage| {
        [Some(image.image_seq), image.link_seq, image.outcome.map(|outcome| outcome.seq)]
    };
    let reports = [brief.previous_report_seq, brief.prior_report_seq];
    let of_study = [Some(brief.cause_seq), brief.expected.manifest_seq].into_iter().chain(reports);
    let taken_out = brief.taken_out.iter().flat_map(|image| [image.image_seq, image.seq]).map(Some);
    let facts = brief.images.iter().flat_map(of_image).chain(of_study).chain(taken_out).flatten();
    facts.chain(brief.flag_seqs.iter().copied()).collect()
}

/// The images without a picture that was kept when they were read: one of each content, in the order they came.
pub(crate) fn without_preview(brief: &Brief, story: &Story) -> Result<Vec<StoredImage>, ComposeError> {
    let mut contents = BTreeSet::new();
    let mut images = Vec::new();
    let pictures_join = pictures_join(brief, story)?;
    for image in &brief.images {
        let stored = &arrival(story, image)?.image;
        if !pictures_join && stored.media_type != MediaType::Dicom {
            continue;
        }
        if kept_preview(story, image)?.is_none() && contents.insert(stored.blob.sha256) {
            images.push(stored.clone());
        }
    }
    Ok(images)
}

/// The DICOM files of the study, each content once, in the order they came.
pub(crate) fn dicom_contents(brief: &Brief, story: &Story) -> Result<Vec<BlobRef>, ComposeError> {
    let (mut seen, mut contents) = (BTreeSet::new(), Vec::new());
    for image in &brief.images {
        let stored = &arrival(story, image)?.image;
        if stored.media_type == MediaType::Dicom && seen.insert(stored.blob.sha256) {
            contents.push(stored.blob.clone());
        }
    }
    Ok(contents)
}

/// The last report of the earlier study of the same patient, if there is one.
pub(crate) fn prior_report<'a>(
    brief: &Brief,
    story: &'a Story,
) -> Result<Option<&'a ReportIssued>, ComposeError> {
    brief.prior_report_seq.map(|seq| report_at(story, seq)).transpose()
}

pub(super) fn report_at(story: &Story, seq: u64) -> Result<&ReportIssued, ComposeError> {
    match &fact(story, seq)?.envelope.event {
        Event::ReportIssued(e) => Ok(e),
        other => Err(ComposeError::Unexpected { seq, found: other.name() }),
    }
}

/// Whether pictures that name no patient are told of: in a study of a patient, only where the site lets them be.
pub(super) fn pictures_join(brief: &Brief, story: &Story) -> Result<bool, ComposeError> {
    Ok(brief.pictures_join_patients || dicom_contents(brief, story)?.is_empty())
}

pub(super) fn arrival<'a>(story: &'a Story, image: &BriefImage) -> Result<&'a ImageStored, ComposeError> {
    match &fact(story, image.image_seq)?.envelope.event {
        Event::ImageStored(e) if e.job_id == image.job_id => Ok(e),
        other => Err(ComposeError::Unexpected { seq: image.image_seq, found: other.name() }),
    }
}

/// The picture for people that was stored when the image was read.
pub(super) fn kept_preview<'a>(
    story: &'a Story,
    image: &BriefImage,
) -> Result<Option<&'a BlobRef>, ComposeError> {
    let Some(Outcome { seq, .. }) = image.outcome else { return Ok(None) };
    match &fact(story, seq)?.envelope.event {
        Event::InferenceCompleted(e) => Ok(e.preview.as_ref()),
        _ => Ok(None),
    }
}

pub(super) fn duplicate_of(story: &Story, image: &BriefImage) -> Result<Option<JobId>, ComposeError> {
    let Some(link_seq) = image.link_seq else { return Ok(None) };
    match &fact(story, link_seq)?.envelope.event {
        Event::DuplicateLinked(e) if e.job_id == image.job_id => Ok(Some(e.primary_job_id)),
        Event::InferenceRequested(e) if e.job_id == image.job_id => Ok(None),
        other => Err(ComposeError::Unexpected { seq: link_seq, found: other.name() }),
    }
}

pub(crate) fn fact(story: &Story, seq: u64) -> Result<&StoredFact, ComposeError> {
    story.get(&seq).map(|fact| &**fact).ok_or(ComposeError::Missing { seq })
}
