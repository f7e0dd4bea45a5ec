//! Facts to document. Pure: what it says follows from the brief, the facts the brief names, and the pictures that were
//! made of images whose reading kept none.

use std::collections::BTreeSet;

use hilum_events::{Event, MediaType, StudyRef};
use hilum_reports::{
    ChangeEntry, ChangeKind, Comparison, Completeness, DISCLAIMER, FORMAT, FlagEntry, ImageEntry, Missing,
    ModelEntry, ObjectEntry, Provenance, Report,
};

use crate::domain::{Awaited, Brief, BriefImage, Change};
use crate::patient_headers::Compared;
use entries::{bare_entry, event_entry, image_entry, kept_out, made_preview, summary};
use story::{arrival, kept_preview, pictures_join, report_at};

mod doubts;
mod entries;
mod story;
#[cfg(test)]
mod tests;

pub(crate) use entries::{Preview, Previews};
pub use story::ComposeError;
pub(crate) use story::{StoredFact, Story, dicom_contents, fact, needed, prior_report, without_preview};

/// Makes the document. `previews` are the pictures of the images [`without_preview`], `compared` is what the
/// headers of the [`dicom_contents`] say together, `earlier` is the document of the [`prior_report`], if it can be had.
pub(crate) fn compose(
    brief: &Brief,
    story: &Story,
    previews: &Previews,
    compared: &Compared,
    earlier: Option<&Report>,
) -> Result<Report, ComposeError> {
    let cause = fact(story, brief.cause_seq)?;
    let Gathered { images, models, study_ref, objects } = gather(brief, story, previews)?;
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
        doubts: doubts::of(compared, &images, &brief.taken_out),
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

/// The entries of the images, and what else their facts give.
#[derive(Default)]
struct Gathered {
    images: Vec<ImageEntry>,
    models: Vec<ModelEntry>,
    study_ref: Option<StudyRef>,
    objects: BTreeSet<ObjectEntry>,
}

fn gather(brief: &Brief, story: &Story, previews: &Previews) -> Result<Gathered, ComposeError> {
    let mut gathered = Gathered::default();
    let Gathered { images, models, study_ref, objects } = &mut gathered;
    let pictures_join = pictures_join(brief, story)?;
    for image in &brief.images {
        let stored = arrival(story, image)?;
        *study_ref = study_ref.take().or_else(|| stored.study_ref.clone());
        let blob = &stored.image.blob;
        objects.insert(ObjectEntry { sha256: blob.sha256, key: blob.key.clone() });
        if !pictures_join && stored.image.media_type != MediaType::Dicom {
            images.push(kept_out(bare_entry(story, image, stored)?));
            continue;
        }
        let mut entry = image_entry(story, image, stored, models)?;
        (entry.preview, entry.preview_missing) = match kept_preview(story, image)? {
            Some(kept) => (Some(kept.clone()), None),
            None => made_preview(previews, &blob.sha256),
        };
        images.push(entry);
    }
    for image in &brief.taken_out {
        match &fact(story, image.image_seq)?.envelope.event {
            Event::ImageStored(e) => *study_ref = study_ref.take().or_else(|| e.study_ref.clone()),
            other => return Err(ComposeError::Unexpected { seq: image.image_seq, found: other.name() }),
        }
    }
    Ok(gathered)
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

/// What rules of the site pointed out, of the images as this report shows them.
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
