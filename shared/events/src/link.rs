//! Which job a later upload of a content is linked to. The door and dedupe both go by it, so that the fact is the same
//! whoever is first to write it.

use crate::event::{DuplicateLinked, ImageStored, InferenceRequested};

impl DuplicateLinked {
    /// The link of the job of `stored` to the reading that `winner`, the newest request of it, asks for. `None` when it
    /// is the job itself that asks.
    pub fn between(stored: &ImageStored, winner: &InferenceRequested) -> Option<Self> {
        (winner.job_id != stored.job_id).then_some(Self {
            job_id: stored.job_id,
            study_id: stored.study_id,
            reading_id: winner.reading_id,
            primary_job_id: winner.job_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, samples};

    fn stored(number: u128) -> ImageStored {
        match samples::image_stored(number, "a", 0).event {
            Event::ImageStored(stored) => stored,
            other => panic!("{other:?}"),
        }
    }

    fn requested(number: u128) -> InferenceRequested {
        match samples::inference_requested(number, "a", 0).event {
            Event::InferenceRequested(requested) => requested,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_later_job_is_linked_to_the_one_that_asks() {
        let link = DuplicateLinked::between(&stored(2), &requested(1)).unwrap();
        assert_eq!((link.job_id, link.primary_job_id), (samples::job_id(2), samples::job_id(1)));
        assert_eq!((link.reading_id, link.study_id), (samples::reading_id("a"), samples::study_id()));
    }

    #[test]
    fn the_job_that_asks_is_not_linked_to_itself() {
        assert_eq!(DuplicateLinked::between(&stored(1), &requested(1)), None);
    }

    #[test]
    fn links_of_one_job_have_one_place_and_one_id_whoever_asked_last() {
        let image = samples::image_stored(2, "a", 0);
        let link = |number| {
            let link = DuplicateLinked::between(&stored(2), &requested(number)).unwrap();
            image.next(samples::at(1), Event::DuplicateLinked(link))
        };
        assert_eq!(link(1).event_id, link(3).event_id);
        assert_eq!(link(1).subject(), link(3).subject());
    }
}
