//! What an upload means: which study it belongs to and which fact it makes. No IO, clock or randomness.

use hilum_events::{Envelope, Event, ImageStored, JobId, Priority, Site, StoredImage, StudyId, StudyRef};
use jiff::Timestamp;

/// What the sender said beside the image.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    pub(crate) site: Site,
    pub(crate) study: Option<StudyRef>,
    pub(crate) priority: Priority,
}

/// The fact that an image was stored for `job_id`.
///
/// The study is the one the sender named; else that of the DICOM Study Instance UID; else the image is a study
/// of its own.
pub(crate) fn image_stored(job_id: JobId, wishes: Wishes, image: StoredImage, now: Timestamp) -> Envelope {
    let Wishes { site, study, priority } = wishes;
    let study_id = match (&study, &image.dicom) {
        (Some(name), _) => StudyId::named(&site, name.as_str()),
        (None, Some(dicom)) if !dicom.study_instance_uid.is_empty() => {
            StudyId::named(&site, &dicom.study_instance_uid)
        }
        _ => StudyId::of_lone_job(job_id),
    };
    let event = Event::ImageStored(ImageStored {
        job_id,
        study_id,
        study_ref: study,
        image,
        priority,
        series: Vec::new(),
        expected_images: None,
        prior_study_id: None,
    });
    Envelope::first(job_id.as_uuid(), site, now, event)
}

/// The study that a caller means by `text`: its id, or the name it has at `site`.
pub(crate) fn study_meant(text: &str, site: &Site) -> StudyId {
    text.parse().unwrap_or_else(|_| StudyId::named(site, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hilum_events::samples;

    fn study_of(number: u128, study: Option<&str>, image: StoredImage) -> StudyId {
        let wishes = Wishes { study: study.map(|name| name.parse().unwrap()), ..Wishes::default() };
        match image_stored(samples::job_id(number), wishes, image, samples::at(0)).event {
            Event::ImageStored(stored) => stored.study_id,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn images_of_one_dicom_study_come_together() {
        assert_eq!(study_of(1, None, samples::image("a")), study_of(2, None, samples::image("b")));
    }

    #[test]
    fn the_name_the_sender_gives_counts_more_than_the_header() {
        let named = study_of(1, Some("S-1"), samples::image("a"));
        assert_ne!(named, study_of(1, None, samples::image("a")));
        assert_eq!(named, samples::study_id());
    }

    #[test]
    fn an_image_without_a_study_is_its_own() {
        let lone = || StoredImage { dicom: None, ..samples::image("a") };
        assert_ne!(study_of(1, None, lone()), study_of(2, None, lone()));
    }

    #[test]
    fn a_study_is_meant_by_its_id_or_by_its_name() {
        let site = Site::default();
        let id = samples::study_id();
        assert_eq!(study_meant(&id.to_string(), &site), id);
        assert_eq!(study_meant("S-1", &site), id);
    }
}
