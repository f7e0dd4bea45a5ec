//! Facts to document. Pure: what it says follows from the brief, the facts the brief names, and the pictures that were
//! made of images whose reading kept none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hilum_events::{
    BlobRef, Envelope, Event, ImageStored, InferenceCompleted, InferenceFailed, JobDeadLettered, JobId,
    MediaType, ReportIssued, Sha256Digest, StoredImage,
};
use hilum_imaging::PatientField;
use hilum_reports::{
    ChangeEntry, ChangeKind, Comparison, Completeness, DISCLAIMER, EventEntry, FORMAT, FlagEntry, ImageEntry,
    ImageStatus, Missing, ModelEntry, ObjectEntry, Provenance, ReadingEntry, Report, Summary,
    UNTRAINED_NOTICE,
};
use jiff::Timestamp;

use crate::domain::{Awaited, Brief, BriefImage, Change, Outcome};

mod doubts;
#[cfg(test)]
mod tests;

/// A fact as it was read back from the log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredFact {
    pub(crate) seq: u64,
    pub(crate) stored_at: Timestamp,
    pub(crate) envelope: Envelope,
}

/// The facts that a brief names, by position.
pub(crate) type Story = BTreeMap<u64, Arc<StoredFact>>;

/// The picture for people of an image whose reading kept none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Preview {
    /// It was made and is in storage.
    Made(BlobRef),
    /// There won't be one.
    Missing { reason: String },
}

/// Such pictures by the content of the images' files.
pub(crate) type Previews = BTreeMap<Sha256Digest, Preview>;

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

fn report_at(story: &Story, seq: u64) -> Result<&ReportIssued, ComposeError> {
    match &fact(story, seq)?.envelope.event {
        Event::ReportIssued(e) => Ok(e),
        other => Err(ComposeError::Unexpected { seq, found: other.name() }),
    }
}

/// Makes the document. `previews` are the pictures of the images [`without_preview`], `differ` is in what the headers of
/// the [`dicom_contents`] contradict each other, `earlier` is the document of the [`prior_report`], if it can be had.
pub(crate) fn compose(
    brief: &Brief,
    story: &Story,
    previews: &Previews,
    differ: &BTreeSet<PatientField>,
    earlier: Option<&Report>,
) -> Result<Report, ComposeError> {
    let cause = fact(story, brief.cause_seq)?;
    let mut images = Vec::with_capacity(brief.images.len());
    let mut models: Vec<ModelEntry> = Vec::new();
    let mut study_ref = None;
    let mut objects = BTreeSet::new();
    let pictures_join = pictures_join(brief, story)?;
    for image in &brief.images {
        let stored = arrival(story, image)?;
        study_ref = study_ref.or_else(|| stored.study_ref.clone());
        let blob = &stored.image.blob;
        objects.insert(ObjectEntry { sha256: blob.sha256, key: blob.key.clone() });
        if !pictures_join && stored.image.media_type != MediaType::Dicom {
            images.push(kept_out(bare_entry(story, image, stored)?));
            continue;
        }
        let mut entry = image_entry(story, image, stored, &mut models)?;
        (entry.preview, entry.preview_missing) = match kept_preview(story, image)? {
            Some(kept) => (Some(kept.clone()), None),
            None => made_preview(previews, &blob.sha256),
        };
        images.push(entry);
    }
    for image in &brief.taken_out {
        match &fact(story, image.image_seq)?.envelope.event {
            Event::ImageStored(e) => study_ref = study_ref.or_else(|| e.study_ref.clone()),
            other => return Err(ComposeError::Unexpected { seq: image.image_seq, found: other.name() }),
        }
    }
    let change = |image: &BriefImage| {
        let change = match image.change? {
            Change::Added => ChangeKind::Added,
            Change::OutcomeChanged => ChangeKind::OutcomeChanged,
        };
        Some(ChangeEntry { job_id: image.job_id, change })
    };
    let previous = brief.previous_report_seq.map(|seq| report_at(story, seq)).transpose()?;
    let facts = story.values().filter(|fact| Some(fact.seq) != brief.previous_report_seq);
    let mut report = Report {
        format: FORMAT.to_owned(),
        disclaimer: DISCLAIMER.to_owned(),
        study_id: brief.study_id,
        study_ref,
        site: brief.site.clone(),
        time_zone: None,
        revision: brief.revision,
        as_of: brief.limit_at.map_or(cause.stored_at, |limit_at| limit_at.max(cause.stored_at)),
        cause: brief.why,
        summary: summary(&images),
        completeness: completeness(brief),
        doubts: doubts::of(differ, &images, &brief.taken_out),
        flags: flags(brief, story, &images)?,
        changes: brief.images.iter().filter_map(change).collect(),
        comparison: None,
        models,
        images,
        provenance: Provenance {
            cause_event_id: cause.envelope.event_id,
            previous_revision: brief.previous_revision,
            previous_document: previous.map(|previous| previous.json.clone()),
            // The report before is named, and nothing in this one is made of it: it can be newer than the cause.
            events: facts.map(|fact| event_entry(fact)).collect(),
            objects: objects.into_iter().collect(),
        },
    };
    report.comparison = earlier.map(|earlier| Comparison::between(&report, earlier));
    if let Some(zone) = &brief.time_zone {
        report.set_time_zone(zone);
    }
    Ok(report)
}

/// What is missing; `None` when nothing was expected and nothing is.
fn completeness(brief: &Brief) -> Option<Completeness> {
    let expected = &brief.expected;
    let images = expected.images.filter(|awaited| !awaited.is_met());
    let images = images.map(|Awaited { expected, arrived }| Missing::Images { expected, arrived });
    let series = expected.absent_series.iter().map(|name| Missing::Series { name: name.to_string() });
    let pending = brief.images.iter().filter(|image| image.outcome.is_none());
    let outcomes = pending.map(|image| Missing::Outcome { job_id: image.job_id });
    let beyond = expected.most.map(|most| Missing::Beyond { most });
    let missing: Vec<_> = images.into_iter().chain(series).chain(beyond).chain(outcomes).collect();
    let is_told = expected.images.is_some() || expected.has_series || !missing.is_empty();
    is_told.then_some(Completeness { complete: missing.is_empty(), missing })
}

/// What rules of the site pointed out, of the images as this report tells of them.
fn flags(brief: &Brief, story: &Story, images: &[ImageEntry]) -> Result<Vec<FlagEntry>, ComposeError> {
    let mut flags = Vec::new();
    for seq in &brief.flag_seqs {
        let fact = fact(story, *seq)?;
        let Event::StudyFlagged(e) = &fact.envelope.event else {
            return Err(ComposeError::Unexpected { seq: *seq, found: fact.envelope.event.name() });
        };
        let image = images.iter().find(|image| image.job_id == e.job_id);
        let reading = image.and_then(|image| image.reading.as_ref());
        let finding = reading.and_then(|reading| reading.findings.iter().find(|it| it.label == e.label));
        flags.extend(finding.map(|finding| FlagEntry {
            rule: e.rule.to_string(),
            label: e.label.clone(),
            probability: finding.probability,
            score: finding.operating_point_score,
            threshold: e.threshold,
            job_id: e.job_id,
            at: fact.stored_at,
            untrained: e.untrained || reading.is_some_and(|reading| !reading.trained),
        }));
    }
    Ok(flags)
}

/// What is known of an image before it is said how it ended.
fn bare_entry(story: &Story, image: &BriefImage, stored: &ImageStored) -> Result<ImageEntry, ComposeError> {
    Ok(ImageEntry {
        job_id: image.job_id,
        received_at: fact(story, image.image_seq)?.stored_at,
        media_type: stored.image.media_type,
        dicom: stored.image.dicom.clone(),
        sha256: stored.image.blob.sha256,
        size_bytes: stored.image.blob.size_bytes,
        status: if image.outcome.is_some() { ImageStatus::Failed } else { ImageStatus::Pending },
        duplicate_of: duplicate_of(story, image)?,
        reading_id: image.reading_id,
        reason_code: None,
        reason: None,
        what_to_do: None,
        reading: None,
        preview: None,
        preview_missing: None,
    })
}

/// Whether pictures that name no patient are told of: in a study of a patient, only where the site lets them be.
fn pictures_join(brief: &Brief, story: &Story) -> Result<bool, ComposeError> {
    Ok(brief.pictures_join_patients || dicom_contents(brief, story)?.is_empty())
}

/// A picture that names no patient is not told of beside images that do, unless the site lets it: what it shows may be of
/// somebody else.
fn kept_out(entry: ImageEntry) -> ImageEntry {
    if entry.status == ImageStatus::Pending {
        return entry;
    }
    let what_to_do = "Send it as a study of its own or as a DICOM image that says whose it is, or let the site's file allow \
                      it (pictures_join_patients).";
    ImageEntry {
        reason_code: Some("no_patient_of_its_own".to_owned()),
        reason: Some("it is a picture that names no patient, and the study has one".to_owned()),
        what_to_do: Some(what_to_do.to_owned()),
        preview_missing: Some("it may be of somebody else".to_owned()),
        ..entry
    }
}

fn image_entry(
    story: &Story,
    image: &BriefImage,
    stored: &ImageStored,
    models: &mut Vec<ModelEntry>,
) -> Result<ImageEntry, ComposeError> {
    let mut entry = bare_entry(story, image, stored)?;
    let Some(Outcome { seq, .. }) = image.outcome else { return Ok(entry) };
    match &fact(story, seq)?.envelope.event {
        Event::InferenceCompleted(e) if image.reading_id == Some(e.reading_id) => {
            note_model(models, e);
            entry.status = ImageStatus::Completed;
            entry.reading = Some(ReadingEntry::of(e));
        }
        Event::InferenceFailed(e) if image.reading_id == Some(e.reading_id) => fail(&mut entry, e),
        Event::JobDeadLettered(e) => give_up(&mut entry, e),
        other => return Err(ComposeError::Unexpected { seq, found: other.name() }),
    }
    Ok(entry)
}

fn fail(entry: &mut ImageEntry, e: &InferenceFailed) {
    entry.reason_code = Some(e.code.clone());
    entry.reason = Some(e.reason.clone());
    let what_to_do = "Send a sound file as a new image of this study; the report will then be revised.";
    entry.what_to_do = Some(what_to_do.to_owned());
}

fn give_up(entry: &mut ImageEntry, e: &JobDeadLettered) {
    entry.reason_code = Some("dead_lettered".to_owned());
    entry.reason = Some(e.reason.clone());
    let times = if e.deliveries == 1 { "once".to_owned() } else { format!("{} times", e.deliveries) };
    let what_to_do = format!(
        "The step {} tried it {times} and gave up. The operator of this installation can see the whole story \
         with `hilum dlq` and have it tried again; the report will then be revised.",
        e.consumer
    );
    entry.what_to_do = Some(what_to_do);
}

/// The picture, or why there is none.
fn made_preview(previews: &Previews, content: &Sha256Digest) -> (Option<BlobRef>, Option<String>) {
    match previews.get(content) {
        Some(Preview::Made(blob)) => (Some(blob.clone()), None),
        Some(Preview::Missing { reason }) => (None, Some(reason.clone())),
        None => (None, None),
    }
}

fn note_model(models: &mut Vec<ModelEntry>, e: &InferenceCompleted) {
    let known = models.iter_mut().find(|model| model.identity == e.model);
    match known {
        Some(model) if model.engines.contains(&e.engine) => {}
        Some(model) => model.engines.push(e.engine.clone()),
        None => models.push(ModelEntry {
            identity: e.model.clone(),
            notice: (!e.model.trained).then(|| UNTRAINED_NOTICE.to_owned()),
            engines: vec![e.engine.clone()],
        }),
    }
}

fn summary(images: &[ImageEntry]) -> Summary {
    let count = |holds: fn(&ImageEntry) -> bool| {
        u32::try_from(images.iter().filter(|image| holds(image)).count()).unwrap_or(u32::MAX)
    };
    Summary {
        images: count(|_| true),
        completed: count(|image| image.status == ImageStatus::Completed),
        failed: count(|image| image.status == ImageStatus::Failed),
        duplicates: count(|image| image.duplicate_of.is_some()),
    }
}

fn event_entry(fact: &StoredFact) -> EventEntry {
    EventEntry {
        stream_seq: fact.seq,
        event_id: fact.envelope.event_id,
        name: fact.envelope.event.name().to_owned(),
        stored_at: fact.stored_at,
    }
}

fn arrival<'a>(story: &'a Story, image: &BriefImage) -> Result<&'a ImageStored, ComposeError> {
    match &fact(story, image.image_seq)?.envelope.event {
        Event::ImageStored(e) if e.job_id == image.job_id => Ok(e),
        other => Err(ComposeError::Unexpected { seq: image.image_seq, found: other.name() }),
    }
}

/// The picture for people that was stored when the image was read.
fn kept_preview<'a>(story: &'a Story, image: &BriefImage) -> Result<Option<&'a BlobRef>, ComposeError> {
    let Some(Outcome { seq, .. }) = image.outcome else { return Ok(None) };
    match &fact(story, seq)?.envelope.event {
        Event::InferenceCompleted(e) => Ok(e.preview.as_ref()),
        _ => Ok(None),
    }
}

fn duplicate_of(story: &Story, image: &BriefImage) -> Result<Option<JobId>, ComposeError> {
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
