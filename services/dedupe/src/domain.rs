//! The decision: the first job with a content asks for its reading, the others share it, and one that comes when more can
//! be read than before asks again. No IO and no clock.

use hilum_events::{ImageStored, InferenceFailed, InferenceRequested, Priority, ReaderIdentity, ReadingId};

/// The model that readings are asked of.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    /// Who is to read, as this service knows it: workers of the same release with the same folder.
    pub(crate) reader: ReaderIdentity,
    pub(crate) reading_key: String,
}

/// The claim that the job of this image makes on its content.
pub(crate) fn claim(stored: &ImageStored, model: &Model) -> InferenceRequested {
    InferenceRequested {
        reading_id: ReadingId::of(&stored.image.blob.sha256, &model.reading_key),
        job_id: stored.job_id,
        study_id: stored.study_id,
        image: stored.image.clone(),
        model: model.reader.model.clone(),
        priority: stored.priority,
        attempt: 1,
        retried_for: None,
    }
}

/// The next attempt at a reading whose last one, `before`, failed, for the job of `stored` that brings its content again.
/// `None` unless the reader of today may know more than the one that said so, and was not hoped of in vain already.
pub(crate) fn anew(
    before: &InferenceRequested,
    failed: &InferenceFailed,
    stored: &ImageStored,
    model: &Model,
) -> Option<InferenceRequested> {
    let ours = &model.reader;
    let in_vain = before.retried_for.as_ref() == Some(ours);
    let hopeful = !in_vain && ours.may_know_more_than(failed.reader.as_ref());
    hopeful.then(|| InferenceRequested { retried_for: Some(ours.clone()), ..again(before, Some(stored)) })
}

/// The next attempt at a reading whose last one, `before`, was given up; `owner` makes it.
pub(crate) fn again(before: &InferenceRequested, owner: Option<&ImageStored>) -> InferenceRequested {
    let mut request = before.clone();
    request.attempt += 1;
    if let Some(owner) = owner {
        request.job_id = owner.job_id;
        request.study_id = owner.study_id;
        request.image = owner.image.clone();
        request.priority = owner.priority;
    }
    request
}

/// The same reading before routine ones, as the next attempt in place of `before`; `None` when it is wanted at once
/// already.
pub(crate) fn sooner(before: &InferenceRequested) -> Option<InferenceRequested> {
    let priority = Priority::Stat;
    (before.priority != priority).then(|| InferenceRequested { priority, ..again(before, None) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hilum_events::{Event, samples};

    fn stored(number: u128, content: &str) -> ImageStored {
        match samples::image_stored(number, content, 0).event {
            Event::ImageStored(stored) => stored,
            other => panic!("{other:?}"),
        }
    }

    fn model(reading_key: &str) -> Model {
        Model { reader: samples::reader(), reading_key: reading_key.to_owned() }
    }

    /// Who failed to read, by its release.
    fn failed_by(release: Option<&str>) -> InferenceFailed {
        let Event::InferenceFailed(mut failed) = samples::inference_failed(1, "a", 0).event else { panic!() };
        failed.reader =
            release.map(|release| ReaderIdentity { release: release.to_owned(), ..samples::reader() });
        failed
    }

    #[test]
    fn what_an_earlier_release_could_not_read_is_asked_for_once_more_by_each_later_one() {
        let demo = model("demo@1");
        let (first, later) = (claim(&stored(1, "a"), &demo), stored(2, "a"));
        for earlier in [None, Some("0.0.9")] {
            let next = anew(&first, &failed_by(earlier), &later, &demo).unwrap();
            assert_eq!((next.attempt, next.job_id), (2, samples::job_id(2)));
            assert_eq!((next.reading_id, next.retried_for.as_ref()), (first.reading_id, Some(&demo.reader)));
            // A worker of the earlier release was faster: no upload asks for the same in vain again.
            assert_eq!(anew(&next, &failed_by(earlier), &later, &demo), None);
            assert_eq!(anew(&again(&next, None), &failed_by(earlier), &later, &demo), None);
            let mut of_later_release = demo.clone();
            of_later_release.reader.release = "0.2.0".to_owned();
            assert!(anew(&next, &failed_by(earlier), &later, &of_later_release).is_some());
        }
    }

    #[test]
    fn what_this_release_or_a_later_one_could_not_read_stays_failed() {
        let demo = model("demo@1");
        let first = claim(&stored(1, "a"), &demo);
        for reader in [Some("0.1.0"), Some("0.2.0")] {
            assert_eq!(anew(&first, &failed_by(reader), &stored(2, "a"), &demo), None, "{reader:?}");
        }
    }

    #[test]
    fn one_content_and_one_model_are_one_reading() {
        let demo = model("demo@1");
        assert_eq!(claim(&stored(1, "a"), &demo).reading_id, claim(&stored(2, "a"), &demo).reading_id);
        assert_ne!(claim(&stored(1, "a"), &demo).reading_id, claim(&stored(1, "b"), &demo).reading_id);
    }

    #[test]
    fn another_model_is_another_reading() {
        let image = stored(1, "a");
        assert_ne!(claim(&image, &model("demo@1")).reading_id, claim(&image, &model("demo@2")).reading_id);
    }

    #[test]
    fn a_reading_is_wanted_sooner_once() {
        let routine = claim(&stored(1, "a"), &model("demo@1"));
        let stat = sooner(&routine).unwrap();
        assert_eq!((stat.attempt, stat.priority, stat.job_id), (2, Priority::Stat, routine.job_id));
        assert_eq!(stat.reading_id, routine.reading_id);
        assert_eq!(sooner(&stat), None);
    }

    #[test]
    fn a_further_attempt_is_the_same_reading_for_whoever_asks() {
        let (first, later) = (claim(&stored(1, "a"), &model("demo@1")), stored(2, "a"));
        let (redriven, renewed) = (again(&first, None), again(&first, Some(&later)));
        assert_eq!((redriven.attempt, redriven.job_id), (2, samples::job_id(1)));
        assert_eq!((renewed.attempt, renewed.job_id), (2, samples::job_id(2)));
        assert_eq!((redriven.reading_id, renewed.reading_id), (first.reading_id, first.reading_id));
    }
}
