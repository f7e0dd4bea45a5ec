//! The decision: the first job with a content asks for its reading, the others share it. No IO and no clock.

use hilum_events::{ImageStored, InferenceRequested, ModelIdentity, Priority, ReadingId};

/// The model that readings are asked of.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) identity: ModelIdentity,
    pub(crate) reading_key: String,
}

/// The claim that the job of this image makes on its content.
pub(crate) fn claim(stored: &ImageStored, model: &Model) -> InferenceRequested {
    InferenceRequested {
        reading_id: ReadingId::of(&stored.image.blob.sha256, &model.reading_key),
        job_id: stored.job_id,
        study_id: stored.study_id,
        image: stored.image.clone(),
        model: model.identity.clone(),
        priority: stored.priority,
        attempt: 1,
    }
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
        Model { identity: samples::model(), reading_key: reading_key.to_owned() }
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
