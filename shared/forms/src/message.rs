//! What an HL7 message says of the patient, taken from the headers of the report's images: nothing of it is kept, and no
//! patient is named whom an image contradicts.

use hilum_dicom::{DicomError, Sources};
use hilum_reports::Report;
use hilum_reports::hl7::{Heading, Patient};

use crate::error::{FormError, PatientError};

/// What a receiver of messages wants said besides the report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Between which systems it goes.
    pub heading: Heading,
    /// Whether it names the patient.
    pub names_patient: bool,
    /// Who gives patients their ids where the images don't say it; may be empty.
    pub assigning_authority: String,
}

impl Message {
    /// The patient of the report, as its images' headers say.
    ///
    /// # Errors
    /// When the images may be of several patients, or none of them tells its patient.
    pub(crate) fn patient(&self, report: &Report, sources: &Sources) -> Result<Patient, FormError> {
        let header = sources.patient(report).map_err(|error| match error {
            DicomError::SeveralPatients => FormError::from(PatientError::Several),
            DicomError::NoHeader => PatientError::NoHeader.into(),
            other => other.into(),
        })?;
        let Some(header) = header else { return Ok(nobody_known(report)) };
        let set = &header.specific_character_set;
        let read = header.patient_name.in_unicode(set);
        let described = Patient {
            is_name_unread: read.is_none(),
            name: read.unwrap_or_default(),
            birth_date: header.patient_birth_date.clone(),
            sex: header.patient_sex.clone(),
            accession_number: accession_number(sources),
            ..nobody_known(report)
        };
        if header.patient_id.is_empty() {
            return Ok(described);
        }
        let id = header.patient_id.in_unicode(set).ok_or(PatientError::UnreadId)?;
        let assigner = match header.issuer_of_patient_id.is_empty() {
            true => self.assigning_authority.clone(),
            false => header.issuer_of_patient_id.in_unicode(set).ok_or(PatientError::UnreadId)?,
        };
        Ok(Patient { id, assigner, ..described })
    }
}

/// The patient of a study whose images have no number: it gets one of its own, as in the DICOM forms, because an archive would
/// take all such studies for one patient's.
fn nobody_known(report: &Report) -> Patient {
    Patient { id: format!("HILUM-{}", report.study_id), assigner: "HILUM".to_owned(), ..Patient::default() }
}

/// The accession number of all images that have one; empty if they differ or one can't be read.
fn accession_number(sources: &Sources) -> String {
    let headers = sources.headers().filter(|header| !header.accession_number.is_empty());
    let mut numbers =
        headers.map(|header| header.accession_number.in_unicode(&header.specific_character_set));
    let first = numbers.next().flatten().unwrap_or_default();
    if numbers.all(|number| number.as_ref() == Some(&first)) { first } else { String::new() }
}

#[cfg(test)]
mod tests;
