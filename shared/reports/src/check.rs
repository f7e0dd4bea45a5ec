//! What a report must be before it leaves. The schema says how the document is shaped; the rules here say what it can't
//! say: which parts of it have to agree. Knows nothing of what becomes of a report with a flaw.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use hilum_events::{JobId, ModelIdentity, ReadingFlaw, Sha256Digest, check_reading};

use crate::document::{
    Completeness, FORMAT, ImageEntry, ImageStatus, Missing, ModelKey, ReadingEntry, Report, Summary,
};

/// What is wrong with a report. Such a report is not to be given to anybody.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Flaw {
    /// It is of another format.
    #[error("the report says that its format is {found:?}, and it is made as {FORMAT:?}")]
    Format {
        /// What it says.
        found: String,
    },
    /// It does not say what it is not.
    #[error("the report has no disclaimer")]
    NoDisclaimer,
    /// Revisions start at 1 and go up.
    #[error("revision {revision} can't follow revision {previous:?}")]
    Revision {
        /// Its number.
        revision: u32,
        /// The one before.
        previous: Option<u32>,
    },
    /// Its counts are not those of its images.
    #[error("the summary says {said:?}, and the images are {counted:?}")]
    Summary {
        /// What it says.
        said: Summary,
        /// What the images say.
        counted: Summary,
    },
    /// One image stands in it twice.
    #[error("the image of job {job_id} is in the report twice")]
    JobTwice {
        /// The image's job.
        job_id: JobId,
    },
    /// A change of an image that it does not have.
    #[error("the report says that the image of job {job_id} changed, and has no such image")]
    ChangeOfNoImage {
        /// The job it names.
        job_id: JobId,
    },
    /// Nobody could tell what it was made of.
    #[error("the event that caused the report is not among its events")]
    CauseUnknown,
    /// It says that nothing is missing and names something, or the other way round.
    #[error("the report says that it is complete: {complete}, and names {missing} things that are missing")]
    Completeness {
        /// What it says.
        complete: bool,
        /// How many things it names.
        missing: usize,
    },
    /// It waits for the outcome of an image that has one, or that it does not have.
    #[error("the report says that the outcome of job {job_id} is missing, and has no such image without one")]
    NotMissing {
        /// The job it names.
        job_id: JobId,
    },
    /// A flag about a finding that nobody could look up.
    #[error("the rule {rule:?} flagged job {job_id}, and the report has no such image")]
    FlagOfNoImage {
        /// The rule.
        rule: String,
        /// The job it names.
        job_id: JobId,
    },
    /// A number that is none, or out of its range.
    #[error("the report has the number {number} for {label:?} {place}, which is not from 0 to 1")]
    Number {
        /// Where it stands.
        place: &'static str,
        /// The label.
        label: String,
        /// The number.
        number: f32,
    },
    /// A model that was not trained looks like one that was.
    #[error("the model {name:?} was not trained, and the report does not say so beside it")]
    UntrainedUnmarked {
        /// The model's name.
        name: String,
    },
    /// An image whose entry contradicts itself.
    #[error("the image of job {job_id} {flaw}")]
    Image {
        /// The image's job.
        job_id: JobId,
        /// What contradicts itself in it.
        flaw: ImageFlaw,
    },
    /// A reading that contradicts itself.
    #[error("the reading of the image of job {job_id} {flaw}")]
    Reading {
        /// The image's job.
        job_id: JobId,
        /// What contradicts itself in it.
        flaw: ReadingFlaw,
    },
    /// A top finding that is none of its findings.
    #[error(
        "the reading of the image of job {job_id} has {label:?} among its top findings and not among its findings, or twice"
    )]
    TopFinding {
        /// The image's job.
        job_id: JobId,
        /// The label.
        label: String,
    },
    /// A reading of a model that it does not list.
    #[error(
        "the reading of the image of job {job_id} was made by {name:?}, which is not among the report's models as it is told"
    )]
    ModelUnknown {
        /// The image's job.
        job_id: JobId,
        /// The model's name.
        name: String,
    },
}

/// What is wrong with an image of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageFlaw {
    /// It was read, and has no reading.
    #[error("is said to be completed, and has no reading")]
    NoReading,
    /// It was not read, and has a reading.
    #[error("is said to have failed, and has a reading")]
    FailedWithReading,
    /// Nobody could tell why it was not read.
    #[error("is said to have failed, and has no reason")]
    NoReason,
    /// It was read, and has a reason why not.
    #[error("is said to be completed, and has a reason for a failure")]
    CompletedWithReason,
    /// It has no outcome, and gives one.
    #[error("is said to have no outcome yet, and has a reading or a reason for a failure")]
    PendingWithOutcome,
    /// A reading without a name.
    #[error("has a reading and no reading id")]
    NoReadingId,
    /// It shares its own reading.
    #[error("is said to be a duplicate of itself")]
    DuplicateOfItself,
    /// It shares the reading of another content.
    #[error("is said to be a duplicate of an image whose file is another")]
    DuplicateOfOther,
    /// Its stored file is not named.
    #[error("is stored in an object that the report does not name")]
    ObjectUnknown,
}

/// Looks for flaws.
///
/// # Errors
/// With the first flaw that is found.
pub fn check(report: &Report) -> Result<(), Flaw> {
    check_head(report)?;
    check_summary(report)?;
    check_models(report)?;
    let contents = contents(report)?;
    for change in &report.changes {
        if !contents.contains_key(&change.job_id) {
            return Err(Flaw::ChangeOfNoImage { job_id: change.job_id });
        }
    }
    check_missing(report)?;
    check_beside(report, &contents)?;
    let objects: BTreeSet<_> = report.provenance.objects.iter().map(|object| object.sha256).collect();
    for image in &report.images {
        let job_id = image.job_id;
        check_image(image, &contents, &objects).map_err(|flaw| Flaw::Image { job_id, flaw })?;
        if let Some(reading) = &image.reading {
            check_entry(report, job_id, reading)?;
        }
    }
    Ok(())
}

fn check_head(report: &Report) -> Result<(), Flaw> {
    let Report { format, disclaimer, revision, provenance, .. } = report;
    if format != FORMAT {
        return Err(Flaw::Format { found: format.clone() });
    }
    if disclaimer.trim().is_empty() {
        return Err(Flaw::NoDisclaimer);
    }
    // Numbers may be left out: what can't be issued is given up.
    if provenance.previous_revision.unwrap_or(0) >= *revision {
        return Err(Flaw::Revision { revision: *revision, previous: provenance.previous_revision });
    }
    if !provenance.events.iter().any(|event| event.event_id == provenance.cause_event_id) {
        return Err(Flaw::CauseUnknown);
    }
    Ok(())
}

fn check_summary(report: &Report) -> Result<(), Flaw> {
    let mut counted = Summary::default();
    for image in &report.images {
        counted.images += 1;
        match image.status {
            ImageStatus::Completed => counted.completed += 1,
            ImageStatus::Failed => counted.failed += 1,
            ImageStatus::Pending => {}
        }
        counted.duplicates += u32::from(image.duplicate_of.is_some());
    }
    if report.summary == counted { Ok(()) } else { Err(Flaw::Summary { said: report.summary, counted }) }
}

fn check_models(report: &Report) -> Result<(), Flaw> {
    let marked = |notice: &Option<String>| notice.as_ref().is_some_and(|notice| !notice.trim().is_empty());
    let unmarked = report.models.iter().find(|model| !model.identity.trained && !marked(&model.notice));
    unmarked.map_or(Ok(()), |model| Err(Flaw::UntrainedUnmarked { name: model.identity.name.clone() }))
}

fn check_missing(report: &Report) -> Result<(), Flaw> {
    let Some(Completeness { complete, missing }) = &report.completeness else { return Ok(()) };
    if *complete != missing.is_empty() {
        return Err(Flaw::Completeness { complete: *complete, missing: missing.len() });
    }
    let pending = report.images.iter().filter(|image| image.status == ImageStatus::Pending);
    let pending: BTreeSet<_> = pending.map(|image| image.job_id).collect();
    let named = missing.iter().filter_map(|missing| match missing {
        Missing::Outcome { job_id } => Some(*job_id),
        Missing::Images { .. } | Missing::Series { .. } | Missing::Beyond { .. } => None,
    });
    named
        .into_iter()
        .find(|job_id| !pending.contains(job_id))
        .map_or(Ok(()), |job_id| Err(Flaw::NotMissing { job_id }))
}

/// What stands beside the readings: flags, and the numbers of an earlier study.
fn check_beside(report: &Report, contents: &BTreeMap<JobId, Sha256Digest>) -> Result<(), Flaw> {
    for flag in &report.flags {
        if !contents.contains_key(&flag.job_id) {
            return Err(Flaw::FlagOfNoImage { rule: flag.rule.clone(), job_id: flag.job_id });
        }
        let numbers = [Some(flag.probability), flag.score, Some(flag.threshold)];
        check_numbers("in a flag", &flag.label, numbers)?;
    }
    for compared in report.comparison.iter().flat_map(|comparison| &comparison.findings) {
        let earlier = [Some(compared.earlier_probability), compared.earlier_score];
        let current = [Some(compared.probability), compared.score];
        check_numbers("of the earlier study", &compared.label, earlier)?;
        check_numbers("beside an earlier study", &compared.label, current)?;
    }
    Ok(())
}

fn check_numbers(
    place: &'static str,
    label: &str,
    numbers: impl IntoIterator<Item = Option<f32>>,
) -> Result<(), Flaw> {
    // Of NaN it does not hold either.
    match numbers.into_iter().flatten().find(|number| !(0.0..=1.0).contains(number)) {
        Some(number) => Err(Flaw::Number { place, label: label.to_owned(), number }),
        None => Ok(()),
    }
}

/// The contents of the images' files by job.
fn contents(report: &Report) -> Result<BTreeMap<JobId, Sha256Digest>, Flaw> {
    let mut contents = BTreeMap::new();
    for image in &report.images {
        if contents.insert(image.job_id, image.sha256).is_some() {
            return Err(Flaw::JobTwice { job_id: image.job_id });
        }
    }
    Ok(contents)
}

fn check_image(
    image: &ImageEntry,
    contents: &BTreeMap<JobId, Sha256Digest>,
    objects: &BTreeSet<Sha256Digest>,
) -> Result<(), ImageFlaw> {
    let reasoned = image.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
    match (image.status, &image.reading) {
        (ImageStatus::Completed, None) => return Err(ImageFlaw::NoReading),
        (ImageStatus::Completed, Some(_)) if image.reason.is_some() => {
            return Err(ImageFlaw::CompletedWithReason);
        }
        (ImageStatus::Completed, Some(_)) if image.reading_id.is_none() => {
            return Err(ImageFlaw::NoReadingId);
        }
        (ImageStatus::Failed, Some(_)) => return Err(ImageFlaw::FailedWithReading),
        (ImageStatus::Failed, None) if !reasoned => return Err(ImageFlaw::NoReason),
        (ImageStatus::Pending, Some(_)) => return Err(ImageFlaw::PendingWithOutcome),
        (ImageStatus::Pending, None) if image.reason.is_some() => return Err(ImageFlaw::PendingWithOutcome),
        (ImageStatus::Completed, Some(_)) | (ImageStatus::Failed | ImageStatus::Pending, None) => {}
    }
    if let Some(primary) = image.duplicate_of {
        if primary == image.job_id {
            return Err(ImageFlaw::DuplicateOfItself);
        }
        // It may be an image of another study; of this one it must be of the same content.
        if contents.get(&primary).is_some_and(|content| *content != image.sha256) {
            return Err(ImageFlaw::DuplicateOfOther);
        }
    }
    if objects.contains(&image.sha256) { Ok(()) } else { Err(ImageFlaw::ObjectUnknown) }
}

fn check_entry(report: &Report, job_id: JobId, reading: &ReadingEntry) -> Result<(), Flaw> {
    check_reading(&reading.findings, &reading.activation_maps, reading.region, reading.times)
        .map_err(|flaw| Flaw::Reading { job_id, flaw })?;
    let mut labels: BTreeSet<_> = reading.findings.iter().map(|finding| &finding.label).collect();
    if let Some(unknown) = reading.top_findings.iter().find(|label| !labels.remove(label)) {
        return Err(Flaw::TopFinding { job_id, label: unknown.clone() });
    }
    let is_it =
        |model: &ModelIdentity| ModelKey::of(model) == reading.model && model.trained == reading.trained;
    if report.models.iter().any(|model| is_it(&model.identity)) {
        Ok(())
    } else {
        Err(Flaw::ModelUnknown { job_id, name: reading.model.name.clone() })
    }
}
