//! The headers of a report's images, and the patient that they name.

use std::collections::{BTreeMap, BTreeSet};

use hilum_events::{MediaType, Sha256Digest};
use hilum_imaging::{Patient, StudyHeader, contradictions};
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

    /// All headers.
    pub fn headers(&self) -> impl Iterator<Item = &StudyHeader> {
        self.headers.values()
    }

    /// The header of the file with this hash.
    pub fn of(&self, sha256: &Sha256Digest) -> Option<&StudyHeader> {
        self.headers.get(sha256)
    }

    /// The header of the image that says most of its patient, the first of several. `None` if no image is DICOM.
    ///
    /// # Errors
    /// When DICOM images have no header at all, or their headers can't be of one patient, now or when the report was issued.
    pub fn patient(&self, report: &Report) -> Result<Option<&StudyHeader>, DicomError> {
        if report.may_be_of_several_patients() {
            return Err(DicomError::SeveralPatients);
        }
        let wanted = Self::wanted(report);
        let headers: Vec<_> = wanted.iter().filter_map(|image| self.of(&image.sha256)).collect();
        // A study from which every image was taken out names nobody.
        if headers.is_empty() && (!wanted.is_empty() || report.images.is_empty()) {
            return Err(DicomError::NoHeader);
        }
        // They are let go of at once, so their hashes need no salt.
        let patients: Vec<_> = headers.iter().map(|header| Patient::of(header, &[])).collect();
        if !contradictions(&patients).is_empty() {
            return Err(DicomError::SeveralPatients);
        }
        Ok(headers.into_iter().rev().max_by_key(|header| says(header)))
    }

    /// Whether another object has this instance UID too, so that a reference could mean either. The same object in two files is
    /// one.
    pub(crate) fn is_ambiguous(&self, header: &StudyHeader) -> bool {
        let mut same =
            self.headers.iter().filter(|(_, other)| other.sop_instance_uid == header.sop_instance_uid);
        let object = |(file, header): (&Sha256Digest, &StudyHeader)| header.data_set_sha256.unwrap_or(*file);
        let first = same.next().map(object);
        same.any(|other| Some(object(other)) != first)
    }
}

/// Which values of its patient a header has. Those that tell patients apart best come first.
fn says(header: &StudyHeader) -> [bool; 5] {
    [
        !header.patient_id.is_empty(),
        !header.patient_name.is_empty(),
        !header.patient_birth_date.is_empty(),
        !header.patient_sex.is_empty(),
        !header.issuer_of_patient_id.is_empty(),
    ]
}
