//! A report as objects that an archive (PACS) keeps beside the images: a structured report, a picture per image that was
//! read, an encapsulated PDF; and what an association carries of such a file. Pure: the document, what was copied of the
//! images' headers and the stored pictures go in, DICOM files come out, the same each time. No network, no storage, no async,
//! no clock; no uploaded byte is read here, and nothing of a patient shows in an error or in `Debug`.

mod capture;
mod clock;
mod codes;
mod content;
mod data_set;
mod evidence;
mod modules;
mod pdf;
mod sources;
mod sr;
mod subject;
mod transfer;
mod uid;

use std::fmt;

use hilum_reports::Form;

pub use capture::{choice, secondary_captures};
pub use pdf::encapsulated_pdf;
pub use sources::Sources;
pub use sr::{Predecessor, sr};
pub use transfer::{Transfer, TransferError};

/// The structured report as a form of the report.
pub const SR: Form = form("dicom-sr");
/// The pictures as a form of the report.
pub const SECONDARY_CAPTURE: Form = form("dicom-sc");
/// The encapsulated PDF as a form of the report.
pub const ENCAPSULATED_PDF: Form = form("dicom-pdf");

/// The most images that an object describes; of further ones it gives the number.
pub const IMAGES_MAX: usize = 200;

const fn form(name: &'static str) -> Form {
    Form { name, media_type: "application/dicom", version: 3 }
}

/// A DICOM file. Its bytes name a patient.
#[derive(Clone, PartialEq, Eq)]
pub struct Instance {
    /// SOP Class UID (0008,0016).
    pub sop_class_uid: &'static str,
    /// SOP Instance UID (0008,0018).
    pub sop_instance_uid: String,
    /// Series Instance UID (0020,000E).
    pub series_instance_uid: String,
    /// Study Instance UID (0020,000D).
    pub study_instance_uid: String,
    /// The file, explicit VR little endian.
    pub file: Vec<u8>,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("sop_class_uid", &self.sop_class_uid)
            .field("sop_instance_uid", &self.sop_instance_uid)
            .field("size_bytes", &self.file.len())
            .finish_non_exhaustive()
    }
}

/// Why a report has no such object.
#[derive(Debug, thiserror::Error)]
pub enum DicomError {
    /// The images may be of more than one patient, and an object belongs to one.
    #[error(
        "the headers of this study's images differ in what they say of the patient, so no DICOM object can hold their \
         report; take the images of other patients out of it (`hilum job take-out`), or correct the headers and send the \
         study anew"
    )]
    SeveralPatients,
    /// The images are DICOM objects, and none of their headers tells the patient.
    #[error(
        "none of the study's DICOM images could be read for the patient it belongs to; see whether their objects are \
         still in storage and ask again"
    )]
    NoHeader,
    /// The library that writes DICOM refused; no report is known to lead to it.
    #[error("the DICOM object can't be written ({what}); tell it to those who make Hilum")]
    Unwritable {
        /// What failed: never a value.
        what: &'static str,
    },
    /// The PDF is longer than an element can be.
    #[error("the PDF has {size_bytes} bytes, more than a DICOM object can hold")]
    PdfTooLong {
        /// Its length.
        size_bytes: usize,
    },
}
