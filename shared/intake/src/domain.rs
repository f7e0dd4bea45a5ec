//! What an upload means: which study it belongs to and which fact it makes. No IO, clock or randomness.

use hilum_events::{
    DicomIdentity, Envelope, Event, ImageSource, ImageStored, JobId, Priority, SeriesName, Site, StoredImage,
    StudyId, StudyRef,
};
use jiff::Timestamp;

/// What the sender wants for the image.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Where it comes from.
    pub site: Site,
    /// The sender's name for its study; else the study is that of its header, or it is one of its own.
    pub study: Option<StudyRef>,
    /// How soon it is wanted.
    pub priority: Priority,
    /// How many images the study has.
    pub expected_images: Option<u32>,
    /// An earlier study of the same patient at the same site: its name or its id, which fits the rule of names.
    pub prior_study: Option<StudyRef>,
}

/// What is known of an image once it is stored.
#[derive(Debug, Clone)]
pub(crate) struct ImageFacts {
    pub(crate) image: StoredImage,
    /// The site's series that it belongs to.
    pub(crate) series: Vec<SeriesName>,
    /// The earlier study that the sender means.
    pub(crate) prior_study_id: Option<StudyId>,
    /// How it came in.
    pub(crate) source: ImageSource,
}

/// The fact that an image was stored for `job_id`.
///
/// The study is the one the sender named; else that of the DICOM Study Instance UID; else the image is a study
/// of its own. A study is not prior to itself.
pub(crate) fn image_stored(job_id: JobId, wishes: Wishes, arrival: ImageFacts, now: Timestamp) -> Envelope {
    let Wishes { site, study, priority, expected_images, prior_study: _ } = wishes;
    let ImageFacts { image, series, prior_study_id, source } = arrival;
    let named = study_named(&site, study.as_ref(), image.dicom.as_ref());
    let study_id = named.unwrap_or_else(|| StudyId::of_lone_job(job_id));
    let event = Event::ImageStored(ImageStored {
        job_id,
        study_id,
        study_ref: study,
        image,
        priority,
        series,
        expected_images,
        prior_study_id: prior_study_id.filter(|prior| *prior != study_id),
        source: Some(source),
    });
    Envelope::first(job_id.as_uuid(), site, now, event)
}

/// The study that an image is of, if anything names it: others may be of it too.
pub(crate) fn study_named(
    site: &Site,
    study: Option<&StudyRef>,
    dicom: Option<&DicomIdentity>,
) -> Option<StudyId> {
    let header = dicom.map(|dicom| dicom.study_instance_uid.as_str()).filter(|uid| !uid.is_empty());
    let name = study.map(StudyRef::as_str).or(header)?;
    Some(StudyId::named(site, name))
}

/// The studies that a text can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StudiesMeant {
    /// The one with this id, if the text can be one. A name can look like it.
    pub(crate) with_id: Option<StudyId>,
    /// The one with this name.
    pub(crate) named: StudyId,
}

/// The studies that a caller can mean by `text`: the one with that id, or the one with that name at `site`.
pub(crate) fn studies_meant(text: &str, site: &Site) -> StudiesMeant {
    StudiesMeant { with_id: text.parse().ok(), named: StudyId::named(site, text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hilum_events::{Way, samples};

    fn stored(number: u128, wishes: Wishes, image: StoredImage) -> ImageStored {
        let prior_study_id =
            wishes.prior_study.as_ref().map(|prior| studies_meant(prior.as_str(), &wishes.site).named);
        let source = ImageSource::by(Way::Http);
        let arrival = ImageFacts { image, series: vec!["lateral".parse().unwrap()], prior_study_id, source };
        match image_stored(samples::job_id(number), wishes, arrival, samples::at(0)).event {
            Event::ImageStored(stored) => stored,
            other => panic!("{other:?}"),
        }
    }

    fn study_of(number: u128, study: Option<&str>, image: StoredImage) -> StudyId {
        let wishes = Wishes { study: study.map(|name| name.parse().unwrap()), ..Wishes::default() };
        stored(number, wishes, image).study_id
    }

    #[test]
    fn what_the_sender_expects_and_the_series_are_told() {
        let wishes = Wishes { expected_images: Some(3), ..Wishes::default() };
        let stored = stored(1, wishes, samples::image("a"));
        assert_eq!((stored.expected_images, stored.series.len()), (Some(3), 1));
    }

    #[test]
    fn an_earlier_study_is_meant_within_the_site_and_is_never_the_study_itself() {
        let site: Site = "north".parse().unwrap();
        let prior = |prior: &str| {
            let prior_study = Some(prior.parse().unwrap());
            let study = Some("S-1".parse().unwrap());
            let wishes = Wishes { site: site.clone(), study, prior_study, ..Wishes::default() };
            stored(1, wishes, samples::image("a")).prior_study_id
        };
        assert_eq!(prior("S-0"), Some(StudyId::named(&site, "S-0")));
        assert_eq!(prior("S-1"), None);
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
    fn a_study_is_meant_by_its_id_or_by_its_name_and_a_name_can_look_like_an_id() {
        let site = Site::default();
        let id = samples::study_id();
        assert_eq!(studies_meant("S-1", &site), StudiesMeant { with_id: None, named: id });
        let text = id.to_string();
        let meant = studies_meant(&text, &site);
        assert_eq!(meant, StudiesMeant { with_id: Some(id), named: StudyId::named(&site, &text) });
        assert_ne!(Some(meant.named), meant.with_id);
        assert_eq!(studies_meant(&text.replace('-', ""), &site).with_id, Some(id));
    }
}
