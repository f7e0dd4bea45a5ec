//! Why a form could not be made, sorted by what helps.

use hilum_blobs::GetError;
use hilum_dicom::DicomError;
use hilum_imaging::DecodeError;
use hilum_reports::pdf::PdfError;
use hilum_reports::{Flaw, ReadError};
use tokio::task::JoinError;

/// A form could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// The document is not in storage, or not as it was stored.
    #[error("the stored report is missing or damaged; restore the object storage")]
    Lost(#[source] GetError),
    /// The object storage did not answer: it will again.
    #[error("the object storage is away; nothing is lost, try again")]
    Away(#[source] GetError),
    /// The document is none that this release knows.
    #[error("this release can't read the stored report; take it as JSON, or use the release that issued it")]
    Unreadable(#[source] ReadError),
    /// What the document says does not fit together. It is still given as JSON and HTML.
    #[error("the stored report has a flaw and does not leave in this form; take it as JSON or HTML")]
    Flawed(#[source] Flaw),
    /// There is no such PDF: this release is at fault.
    #[error("the PDF could not be made")]
    Pdf(#[source] PdfError),
    /// There is no such DICOM object.
    #[error(transparent)]
    Dicom(#[from] DicomError),
    /// A message can't name its patient.
    #[error(transparent)]
    Patient(#[from] PatientError),
    /// The decoder can't read the headers at this moment.
    #[error("the headers of the study's images can't be read at this moment; try again")]
    Header(#[source] DecodeError),
    /// So many are made that this one has waited in vain.
    #[error("too many reports are made at this moment; try again, or take JSON")]
    Busy,
    /// This release is at fault.
    #[error("the form could not be made; take the report as JSON, and report a bug")]
    Broken(#[source] JoinError),
}

impl FormError {
    /// Whether trying again later helps.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Header(_) | Self::Busy)
    }
}

/// A message can't name its patient, and is not sent without one.
#[derive(Debug, thiserror::Error)]
pub enum PatientError {
    /// The images may be of more than one patient.
    #[error(
        "the headers of this study's images differ in what they say of the patient, so no message names one; take \
         the images of other patients out of it (`hilum job take-out`), or correct the headers and send the study anew"
    )]
    Several,
    /// No image tells its patient.
    #[error(
        "none of the study's DICOM images could be read for the patient it belongs to; see whether their objects are \
         still in storage and redrive it"
    )]
    NoHeader,
    /// Its id can't be read for certain: one that is read wrongly files the report with another patient.
    #[error(
        "the patient's id is written in characters that can't be told for certain; correct Specific Character Set \
         (0008,0005) of the images, or deliver without `name_patient`"
    )]
    UnreadId,
}
