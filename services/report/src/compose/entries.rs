//! The entries of a report's document: each image with its reading or what became of it, the models, the events.

use std::collections::BTreeMap;

use hilum_events::{
    BlobRef, Event, ImageStored, InferenceCompleted, InferenceFailed, JobDeadLettered, Sha256Digest,
};
use hilum_reports::{
    EventEntry, ImageEntry, ImageStatus, ModelEntry, ReadingEntry, Summary, UNTRAINED_NOTICE,
};

use super::story::{ComposeError, StoredFact, Story, duplicate_of, fact};
use crate::domain::{BriefImage, Outcome};

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

/// What is known of an image before it is said how it ended.
pub(super) fn bare_entry(
    story: &Story,
    image: &BriefImage,
    stored: &ImageStored,
) -> Result<ImageEntry, ComposeError> {
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

/// A picture that names no patient is not told of beside images that do, unless the site lets it: what it shows may be of
/// somebody else.
pub(super) fn kept_out(entry: ImageEntry) -> ImageEntry {
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

pub(super) fn image_entry(
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
pub(super) fn made_preview(previews: &Previews, content: &Sha256Digest) -> (Option<BlobRef>, Option<String>) {
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

pub(super) fn summary(images: &[ImageEntry]) -> Summary {
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

pub(super) fn event_entry(fact: &StoredFact) -> EventEntry {
    EventEntry {
        stream_seq: fact.seq,
        event_id: fact.envelope.event_id,
        name: fact.envelope.event.name().to_owned(),
        stored_at: fact.stored_at,
    }
}
