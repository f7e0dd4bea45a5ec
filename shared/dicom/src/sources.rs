//! What was copied of the headers of a report's images, and whom they name.

use std::collections::{BTreeMap, BTreeSet};

use hilum_events::{MediaType, Sha256Digest};
use hilum_imaging::StudyHeader;
use hilum_reports::{ImageEntry, Report};

use crate::{DicomError, IMAGES_MAX};

/// The headers of a report's DICOM images, by the SHA-256 of their files. They name patients: `Debug` shows none of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    headers: BTreeMap<Sha256Digest, StudyHeader>,
}

impl FromIterator<(Sha256Digest, StudyHeader)> for Sources {
    fn from_iter<T: IntoIterator<Item = (Sha256Digest, StudyHeader)>>(headers: T) -> Self {
        Self { headers: headers.into_iter().collect() }
    }
}

impl Sources {
    /// The images whose headers the objects of a report want, each content once, in the order of the report: ask
    /// `hilum_imaging::DecoderPool::study_header` for each and leave out what has none.
    pub fn wanted(report: &Report) -> Vec<&ImageEntry> {
        let mut seen = BTreeSet::new();
        let dicom = report.images.iter().filter(|image| image.media_type == MediaType::Dicom);
        dicom.filter(|image| seen.insert(image.sha256)).take(IMAGES_MAX).collect()
    }

    /// The header of the file with this hash.
    pub(crate) fn of(&self, sha256: &Sha256Digest) -> Option<&StudyHeader> {
        self.headers.get(sha256)
    }

    /// The header that says whose the report is: that of its first image that has one. `None` if no image is DICOM.
    ///
    /// # Errors
    /// When DICOM images have no header at all, or name several patients.
    pub(crate) fn patient(&self, report: &Report) -> Result<Option<&StudyHeader>, DicomError> {
        let wanted = Self::wanted(report);
        let mut headers = wanted.iter().filter_map(|image| self.of(&image.sha256));
        let Some(first) = headers.next() else {
            return if wanted.is_empty() { Ok(None) } else { Err(DicomError::NoHeader) };
        };
        if headers.all(|other| may_be_one_patient(first, other)) {
            Ok(Some(first))
        } else {
            Err(DicomError::SeveralPatients)
        }
    }
}

/// Whether nothing tells two patients apart: not their numbers, or, where one has none, not their names as they are
/// written in one character set.
fn may_be_one_patient(one: &StudyHeader, other: &StudyHeader) -> bool {
    if !one.patient_id.is_empty() && !other.patient_id.is_empty() {
        return one.patient_id == other.patient_id && one.issuer_of_patient_id == other.issuer_of_patient_id;
    }
    let comparable = one.specific_character_set == other.specific_character_set;
    let has_both = !one.patient_name.is_empty() && !other.patient_name.is_empty();
    !(comparable && has_both) || one.patient_name == other.patient_name
}
