//! Sentences that all forms for machines share, in English, for the people behind the machines; and when the images came. They
//! say nothing that the document does not say.

use hilum_events::EngineIdentity;
use jiff::Timestamp;

use crate::document::{FlagEntry, ImageEntry, Missing, ModelEntry, ReadingEntry, Report, UNTRAINED_NOTICE};

/// How the two numbers of a finding are to be read.
pub(crate) const NUMBERS: &str = "The probability is the raw output of the network and not calibrated. The score is 0 to \
     1, with 0.5 at the model's operating point for that finding: it ranks, and is not the probability of disease.";
/// What a score is compared with.
pub(crate) const OPERATING_POINT: &str = "0.5 is the model's operating point for this finding";
/// The most images that are described one by one, so that a form of a huge study can still be made and read. All are in the
/// document.
pub(crate) const IMAGES: usize = 200;
/// The score of a finding that the model has a threshold for.
pub(crate) const AT_OPERATING_POINT: f32 = 0.5;

/// What was reported: which study and revision, how many images, how they ended.
pub fn summary(report: &Report) -> String {
    let summary = report.summary;
    let images =
        if summary.images == 1 { "1 image".to_owned() } else { format!("{} images", summary.images) };
    let pending = summary.images.saturating_sub(summary.completed.saturating_add(summary.failed));
    let pending = if pending > 0 { format!(" {pending} without an outcome yet,") } else { String::new() };
    format!(
        "Study {}, revision {}: {images}, {} read, {} without a reading,{pending} {} with the content of another.",
        report.study_name(),
        report.revision,
        summary.completed,
        summary.failed,
        summary.duplicates
    )
}

/// What was expected and is not in the report; empty if nothing was or all is.
pub fn missing(report: &Report) -> Vec<String> {
    let missing = report.completeness.iter().flat_map(|completeness| &completeness.missing);
    missing.map(lack).collect()
}

/// One thing that was expected and is not in the report.
pub fn lack(missing: &Missing) -> String {
    match missing {
        Missing::Images { expected, arrived } => {
            format!("Incomplete: {expected} images were expected and {arrived} arrived.")
        }
        Missing::Series { name } => format!("Incomplete: the series {name} did not arrive."),
        Missing::Beyond { most } => {
            format!("Incomplete: more than {most} images arrived, and only the first {most} are told of.")
        }
        Missing::Outcome { job_id } => {
            format!("Incomplete: the image of job {job_id} has no outcome yet.")
        }
    }
}

/// Says that there are images which are not described; `None` if there are none.
pub(crate) fn untold(report: &Report) -> Option<String> {
    let untold = report.images.len().saturating_sub(IMAGES);
    (untold > 0).then(|| {
        format!("Only the first {IMAGES} images are told of here; {untold} more are in the document.")
    })
}

/// The flags that rules of the site gave the study.
pub fn flags(report: &Report) -> Vec<String> {
    let flags = report.flags.iter().map(|flag| {
        let label = label(&flag.label);
        let number = match flag.score {
            Some(score) => format!("score {score}"),
            None => format!("probability {}", flag.probability),
        };
        let FlagEntry { rule, threshold, job_id, .. } = flag;
        let said = format!(
            "Flagged by the rule {rule}: {label} with {number}, from {threshold} on, in the image of job {job_id}."
        );
        if flag.untrained { format!("{said} {UNTRAINED_NOTICE}.") } else { said }
    });
    flags.collect()
}

/// What to bear in mind about an image and its reading, most important first.
pub(crate) fn notes(image: &ImageEntry) -> Vec<String> {
    let reading = image.reading.as_ref();
    let untrained = reading.filter(|reading| !reading.trained).map(|_| format!("{UNTRAINED_NOTICE}."));
    let notices = reading.into_iter().flat_map(|reading| &reading.notices);
    let shared = image.duplicate_of.map(|job| format!("Same content as job {job}, reading shared."));
    let reused = reading
        .and_then(|reading| reading.reused_from)
        .map(|source| format!("Taken from reading {source} of the same pixels in another file."));
    let texts = untrained.into_iter().chain(notices.map(|notice| format!("{}.", notice.text)));
    texts.chain(shared).chain(reused).collect()
}

/// When the first and the last of the images came: nearer to the examination than anything else that is known of it.
pub(crate) fn received(report: &Report) -> (Timestamp, Timestamp) {
    let times = || report.images.iter().map(|image| image.received_at);
    (times().min().unwrap_or(report.as_of), times().max().unwrap_or(report.as_of))
}

/// The model, such as `densenet121-demo 1`.
pub(crate) fn model(name: &str, version: &str) -> String {
    format!("{name} {version}")
}

/// How a reading was made: model, preparation of its input, and what ran it.
pub(crate) fn method(reading: &ReadingEntry) -> String {
    let key = &reading.model;
    format!("{}, {}, {}", model(&key.name, &key.version), key.preprocessing_id, engine(&reading.engine))
}

/// The engine that ran a model, such as `tch 2.13.0, fp32, cpu`.
pub(crate) fn engine(engine: &EngineIdentity) -> String {
    format!("{} {}, {}, {}", engine.engine, engine.version, engine.precision, engine.device)
}

/// What stands beside a model that was not trained.
pub(crate) fn untrained(model: &ModelEntry) -> Option<&str> {
    let said = model.notice.as_deref().unwrap_or(UNTRAINED_NOTICE);
    (!model.identity.trained).then_some(said)
}

/// A model's label as it is read aloud.
pub(crate) fn label(label: &str) -> String {
    label.replace('_', " ")
}

/// Whether the finding is positive: the score is at its operating point or above, and its numbers mean something.
pub(crate) fn is_above(reading: &ReadingEntry, score: f32) -> bool {
    reading.trained && score >= AT_OPERATING_POINT
}

#[cfg(test)]
mod tests {
    use hilum_events::samples as events;

    use super::*;
    use crate::samples::{incomplete, one_of_each};

    #[test]
    fn the_summary_names_study_revision_and_counts() {
        let told =
            "Study S-1, revision 1: 4 images, 2 read, 2 without a reading, 1 with the content of another.";
        assert_eq!(summary(&one_of_each()), told);
    }

    #[test]
    fn what_is_missing_or_flagged_is_told() {
        assert_eq!(missing(&one_of_each()), [] as [String; 0]);
        let report = incomplete();
        assert!(
            summary(&report).contains("5 images, 2 read, 2 without a reading, 1 without an outcome yet,")
        );
        let (fifth, first) = (events::job_id(5), events::job_id(1));
        assert_eq!(
            missing(&report),
            [
                "Incomplete: 6 images were expected and 5 arrived.".to_owned(),
                "Incomplete: the series lateral did not arrive.".to_owned(),
                format!("Incomplete: the image of job {fifth} has no outcome yet."),
            ]
        );
        let flag = format!(
            "Flagged by the rule effusion-first: Effusion with score 0.5667, from 0.5 on, in the image of job {first}."
        );
        assert_eq!(flags(&report), std::slice::from_ref(&flag));
        let mut report = report;
        report.flags[0].untrained = true;
        assert_eq!(flags(&report), [format!("{flag} {UNTRAINED_NOTICE}.")]);
    }

    #[test]
    fn what_to_bear_in_mind_starts_with_an_untrained_network() {
        let report = one_of_each();
        let shared = notes(&report.images[1]);
        assert_eq!(
            shared,
            [
                "UNTRAINED demonstration network: these numbers mean nothing.".to_owned(),
                "the view is not PA or AP.".to_owned(),
                format!("Same content as job {}, reading shared.", events::job_id(1)),
                format!(
                    "Taken from reading {} of the same pixels in another file.",
                    events::reading_id("other file")
                ),
            ]
        );
        assert_eq!(notes(&report.images[2]), [] as [String; 0]);
    }

    #[test]
    fn the_images_came_between_the_first_and_the_last() {
        let mut report = one_of_each();
        report.images.swap(0, 3);
        assert_eq!(received(&report), (events::at(0), events::at(6)));
        report.images.clear();
        assert_eq!(received(&report), (report.as_of, report.as_of));
    }

    #[test]
    fn an_untrained_network_is_never_above_its_operating_point() {
        let mut reading = one_of_each().images.remove(0).reading.expect("read");
        assert!(!is_above(&reading, 0.9));
        reading.trained = true;
        assert!(is_above(&reading, 0.5) && !is_above(&reading, 0.499));
    }
}
