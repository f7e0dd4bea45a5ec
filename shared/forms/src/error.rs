//! Why a form could not be made, sorted by what helps.

use hilum_blobs::GetError;
use hilum_dicom::DicomError;
use hilum_imaging::DecodeError;
use hilum_reports::pdf::PdfError;
use hilum_reports::{Flaw, ReadError};
use tokio::task::JoinError;

use crate::message::PatientError;

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
    /// Whose the images are can't be told at this moment.
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
