//! What an HL7 message for a receiver says of the patient, taken from the headers of the report's images: nothing of it is
//! kept, and no patient is named whom an image contradicts.

use hilum_dicom::{DicomError, Sources};
use hilum_reports::Report;
use hilum_reports::hl7::{Heading, Patient};

use crate::error::FormError;

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

/// A message can't name its patient, and without one it would be nobody's.
#[derive(Debug, thiserror::Error)]
pub enum PatientError {
    /// The images may be of more than one.
    #[error(
        "the headers of this study's images differ in what they say of the patient, so no message names one; take \
         the images of other patients out of it (`hilum job take-out`), or correct the headers and send the study anew"
    )]
    Several,
    /// Of no image is it known whose it is.
    #[error(
        "none of the study's DICOM images could be read for the patient it belongs to; see whether their objects are \
         still in storage and redrive it"
    )]
    NoHeader,
    /// Who reads the id wrongly files the report with another patient.
    #[error(
        "the patient's id is written in characters that can't be told for certain; correct Specific Character Set \
         (0008,0005) of the images, or deliver without `name_patient`"
    )]
    UnreadId,
}

impl Message {
    /// Whose the report is, as its images' headers say.
    ///
    /// # Errors
    /// When they may be of several patients, or it can't be told whose they are.
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

/// A study whose images have no number gets one of its own, as in the DICOM forms: all such studies are not one patient's.
fn nobody_known(report: &Report) -> Patient {
    Patient { id: format!("HILUM-{}", report.study_id), assigner: "HILUM".to_owned(), ..Patient::default() }
}

/// That of all images that have one; empty if they differ or it can't be told.
fn accession_number(sources: &Sources) -> String {
    let headers = sources.headers().filter(|header| !header.accession_number.is_empty());
    let mut numbers =
        headers.map(|header| header.accession_number.in_unicode(&header.specific_character_set));
    let first = numbers.next().flatten().unwrap_or_default();
    if numbers.all(|number| number.as_ref() == Some(&first)) { first } else { String::new() }
}

#[cfg(test)]
mod tests;
