//! The bytes that are handed over: a form of a report's stored document, made by `shared/forms`.

use std::fmt;

use bytes::Bytes;
use hilum_blobs::BlobStore;
use hilum_events::{DeliveredObject, ReportIssued, Sha256Digest};
use hilum_forms::{FormError, Format};
use hilum_imaging::DecoderPool;

use crate::targets::Target;

/// Longest document, bytes.
const DOCUMENT_MAX: u64 = 64 << 20;

/// What file `number` of a form, from 1, is called under the folder of its revision.
fn file_name(format: Format, number: usize) -> String {
    let stem = match format {
        Format::DicomSr => "sr",
        Format::DicomSc => "sc",
        Format::DicomPdf => "pdf",
        Format::Json | Format::Html | Format::Pdf | Format::Fhir | Format::Hl7 => "report",
    };
    let extension = format.extension();
    if number > 1 { format!("{stem}-{number}.{extension}") } else { format!("{stem}.{extension}") }
}

/// What is handed over. Its bytes may name a patient: `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// Its form, or `flag`.
    pub form: &'static str,
    /// What its file is called.
    pub file_name: String,
    /// Its bytes: the same each time.
    pub bytes: Bytes,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { form, file_name, bytes } = self;
        write!(f, "Object({form}, {file_name}, {} bytes)", bytes.len())
    }
}

impl Object {
    /// As it is told when it was taken.
    pub fn delivered(&self) -> DeliveredObject {
        DeliveredObject {
            form: self.form.to_owned(),
            sha256: Sha256Digest::of(&self.bytes),
            size_bytes: self.bytes.len() as u64,
        }
    }
}

/// Makes forms of stored documents. Cheap to clone.
#[derive(Clone)]
pub struct Maker {
    store: BlobStore,
    forms: hilum_forms::Maker,
}

/// A form can't be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// It can't be made.
    #[error(transparent)]
    Form(#[from] FormError),
    /// A picture, an image or an earlier document that the document names can't be had.
    #[error(
        "a picture, an image or the earlier document of the report is missing in storage, so the form {form} would not \
         be whole"
    )]
    NotWhole {
        /// Which form.
        form: &'static str,
    },
    /// No image tells the patient's id, and the target takes nothing under one of ours.
    #[error(
        "no image of the study tells the patient's id, and this target takes no report without one; send the images with \
         it, or leave `require_patient_id` out of the target"
    )]
    NoPatientId,
    /// The document is longer than any.
    #[error("the report's document has {size_bytes} bytes, more than a document can have")]
    TooLong {
        /// Its length.
        size_bytes: u64,
    },
}

impl MakeError {
    /// Whether trying again later may help.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Form(error) => error.is_transient(),
            Self::NotWhole { .. } => true,
            Self::NoPatientId | Self::TooLong { .. } => false,
        }
    }
}

impl Maker {
    /// Makes forms of what `store` holds; `decoder` tells of DICOM images whose they are.
    pub fn new(store: BlobStore, decoder: DecoderPool) -> Self {
        Self { forms: hilum_forms::Maker::new(store.clone(), decoder), store }
    }

    /// Whether the storage answers, else a sentence.
    pub(crate) async fn probe(&self) -> Result<(), String> {
        self.store.probe().await.map_err(|error| format!("object storage is away: {error}"))
    }

    /// The report in this form for this target: one object, or for a form of several each of them.
    pub(crate) async fn make(
        &self,
        report: &ReportIssued,
        format: Format,
        target: &Target,
    ) -> Result<Vec<Object>, MakeError> {
        let document = &report.json;
        if document.size_bytes > DOCUMENT_MAX {
            return Err(MakeError::TooLong { size_bytes: document.size_bytes });
        }
        let made = match format {
            Format::Hl7 => self.forms.message(document, &target.message).await?,
            _ => self.forms.make(document, format, target.language).await?,
        };
        if !made.is_whole {
            return Err(MakeError::NotWhole { form: format.name() });
        }
        if made.has_own_id && target.requires_patient_id {
            return Err(MakeError::NoPatientId);
        }
        let object =
            |(number, bytes)| Object { form: format.name(), file_name: file_name(format, number), bytes };
        Ok((1..).zip(made.files).map(object).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nobody_is_named_where_an_object_is_printed() {
        let bytes = Bytes::from_static(b"PID|1||CANARY");
        let object = Object { form: "hl7", file_name: file_name(Format::Hl7, 1), bytes };
        assert_eq!(format!("{object:?}"), "Object(hl7, report.hl7, 13 bytes)");
    }

    #[test]
    fn names_in_settings_are_those_that_are_told_and_no_two_files_have_one() {
        for form in Format::ALL {
            let read: Format = serde_json::from_value(form.name().into()).unwrap();
            assert_eq!(read, form);
        }
        let files = |number| Format::ALL.map(|format| file_name(format, number));
        let all: BTreeSet<String> = [files(1), files(2)].concat().into_iter().collect();
        assert_eq!(all.len(), 2 * Format::ALL.len());
        assert_eq!(
            (file_name(Format::DicomSc, 1).as_str(), file_name(Format::DicomSc, 2).as_str()),
            ("sc.dcm", "sc-2.dcm")
        );
    }
}
