//! What every object of a report is made from: the document, its hash, the patient and the clock.

use std::collections::BTreeMap;

use hilum_events::Sha256Digest;
use hilum_imaging::StudyHeader;
use hilum_reports::{Form, ImageEntry, Report};
use jiff::Timestamp;

use crate::clock::Clock;
use crate::data_set::CharacterSet;
use crate::{DicomError, IMAGES_MAX, Sources, uid};

/// A report with the headers that say whose it is.
pub(crate) struct Subject<'a> {
    pub(crate) report: &'a Report,
    pub(crate) json_sha256: &'a Sha256Digest,
    pub(crate) sources: &'a Sources,
    /// The header that patient and study are copied of; `None` for a study without DICOM images.
    pub(crate) header: Option<&'a StudyHeader>,
    /// The clock on which the object tells times.
    pub(crate) clock: Clock,
}

/// An image of the report, with those that have the same content.
pub(crate) struct Image<'a> {
    pub(crate) number: usize,
    /// Numbers of further images with the same content.
    pub(crate) again: Vec<usize>,
    pub(crate) entry: &'a ImageEntry,
    /// Its header, unless its instance UID could mean another content too.
    pub(crate) header: Option<&'a StudyHeader>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(
        report: &'a Report,
        json_sha256: &'a Sha256Digest,
        sources: &'a Sources,
    ) -> Result<Self, DicomError> {
        let header = sources.patient(report)?;
        Ok(Self { report, json_sha256, sources, header, clock: Clock::of(report, header) })
    }

    /// The images that the object describes: each content once, or twice if it is there with a reading and without.
    pub(crate) fn images(&self) -> Vec<Image<'a>> {
        let mut images: Vec<Image<'a>> = Vec::new();
        let mut places = BTreeMap::new();
        for (number, entry) in (1..).zip(&self.report.images) {
            let place = *places.entry((entry.sha256, entry.reading.is_some())).or_insert(images.len());
            match images.get_mut(place) {
                Some(first) => first.again.push(number),
                None => {
                    // A reference that could mean two contents refers to neither.
                    let header = self.sources.of(&entry.sha256);
                    let header = header.filter(|header| !self.sources.is_ambiguous(header));
                    images.push(Image { number, again: Vec::new(), entry, header });
                }
            }
        }
        images.truncate(IMAGES_MAX);
        images
    }

    /// Whether an image has no reading, or anything that was expected is missing.
    pub(crate) fn is_incomplete(&self) -> bool {
        let lacks_something = self.report.completeness.as_ref().is_some_and(|it| !it.complete);
        lacks_something || self.report.images.iter().any(|image| image.reading.is_none())
    }

    pub(crate) fn study_instance_uid(&self) -> String {
        self.header
            .map_or_else(|| uid::of_study(self.report.study_id), |header| header.study_instance_uid.clone())
    }

    /// A UID of this form of the document. It also follows from which headers were there: with fewer it is another
    /// object. Their values don't enter it, only the hashes of their files, and the offset that is stated: of one study
    /// it is another only if the rules of its zone were.
    pub(crate) fn uid(&self, form: Form, role: &str) -> String {
        let sources = Sources::wanted(self.report)
            .into_iter()
            .filter(|image| self.sources.of(&image.sha256).is_some())
            .fold(String::new(), |all, image| format!("{all}{}", image.sha256));
        let sources = Sha256Digest::of(sources.as_bytes());
        let offset = self.clock.stated().unwrap_or_default();
        uid::of_document(
            self.json_sha256,
            &format!("{}/{}/{sources}/{offset}/{role}", form.name, form.version),
        )
    }

    /// When the analysis began: when the first reading was requested.
    pub(crate) fn began_at(&self) -> Timestamp {
        let events = self.report.provenance.events.iter();
        let requests =
            events.filter(|event| event.name == "inference-requested").map(|event| event.stored_at);
        requests.min().unwrap_or(self.report.as_of)
    }

    /// The character set of what is copied from the header.
    pub(crate) fn character_set(&self) -> CharacterSet {
        let Some(header) = self.header else {
            return CharacterSet { copied: String::new(), may_be_utf8: true };
        };
        let texts = [
            &header.patient_name,
            &header.patient_id,
            &header.issuer_of_patient_id,
            &header.accession_number,
            &header.study_id,
            &header.referring_physician_name,
            &header.study_description,
        ];
        let is_utf8 = header.specific_character_set.trim() == "ISO_IR 192"
            && texts.iter().all(|text| str::from_utf8(text.as_bytes()).is_ok());
        // An escape would switch to another set, and a backslash is a yen sign in some.
        let is_plain = |byte: &u8| byte.is_ascii() && *byte >= b' ' && *byte != b'\\' && *byte != b'~';
        let is_ascii = texts.iter().all(|text| text.as_bytes().iter().all(is_plain));
        CharacterSet { copied: header.specific_character_set.clone(), may_be_utf8: is_utf8 || is_ascii }
    }
}
