//! The bytes that are handed over: a form of a report's stored document, made by `shared/forms`.

use bytes::Bytes;
use hilum_blobs::BlobStore;
use hilum_events::{DeliveredObject, ReportIssued, Sha256Digest};
use hilum_forms::{FormError, Format, Language};
use hilum_imaging::DecoderPool;
use serde::Deserialize;

/// Longest document, bytes.
const DOCUMENT_MAX: u64 = 64 << 20;

/// What is made of a report for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// The document itself.
    Json,
    /// The page for people.
    Html,
    /// The page on paper.
    Pdf,
    /// A FHIR bundle.
    Fhir,
    /// An HL7 v2 message.
    Hl7,
    /// A DICOM structured report.
    DicomSr,
    /// A DICOM secondary capture.
    DicomSc,
    /// The paper in a DICOM envelope.
    DicomPdf,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 8] = [
        Self::Json,
        Self::Html,
        Self::Pdf,
        Self::Fhir,
        Self::Hl7,
        Self::DicomSr,
        Self::DicomSc,
        Self::DicomPdf,
    ];

    /// As in settings and in [`DeliveredObject::form`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Html => "html",
            Self::Pdf => "pdf",
            Self::Fhir => "fhir",
            Self::Hl7 => "hl7",
            Self::DicomSr => "dicom-sr",
            Self::DicomSc => "dicom-sc",
            Self::DicomPdf => "dicom-pdf",
        }
    }

    /// What file `number` of it, from 1, is called under the folder of its revision.
    pub fn file_name(self, number: usize) -> String {
        let name = self.first_file_name();
        match name.split_once('.') {
            Some((stem, extension)) if number > 1 => format!("{stem}-{number}.{extension}"),
            _ => name.to_owned(),
        }
    }

    fn first_file_name(self) -> &'static str {
        match self {
            Self::Json => "report.json",
            Self::Html => "report.html",
            Self::Pdf => "report.pdf",
            Self::Fhir => "report.fhir.json",
            Self::Hl7 => "report.hl7",
            Self::DicomSr => "sr.dcm",
            Self::DicomSc => "sc.dcm",
            Self::DicomPdf => "pdf.dcm",
        }
    }

    /// As the maker calls it.
    fn format(self) -> Format {
        match self {
            Self::Json => Format::Json,
            Self::Html => Format::Html,
            Self::Pdf => Format::Pdf,
            Self::Fhir => Format::Fhir,
            Self::Hl7 => Format::Hl7,
            Self::DicomSr => Format::DicomSr,
            Self::DicomSc => Format::DicomSc,
            Self::DicomPdf => Format::DicomPdf,
        }
    }
}

/// What is handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its form, or `flag`.
    pub form: &'static str,
    /// What its file is called.
    pub file_name: String,
    /// Its bytes: the same each time.
    pub bytes: Bytes,
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
pub(crate) enum MakeError {
    /// It can't be made.
    #[error(transparent)]
    Form(#[from] FormError),
    /// A picture or an image that the document names can't be had.
    #[error(
        "a picture or an image of the report is missing in storage, so the form {form} would not be whole"
    )]
    NotWhole { form: &'static str },
    /// The document is longer than any.
    #[error("the report's document has {size_bytes} bytes, more than a document can have")]
    TooLong { size_bytes: u64 },
}

impl MakeError {
    /// Whether trying again later may help.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Form(error) => error.is_transient(),
            Self::NotWhole { .. } => true,
            Self::TooLong { .. } => false,
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

    /// The report in this form: one object, or for a form of several each of them.
    pub(crate) async fn make(&self, report: &ReportIssued, form: Form) -> Result<Vec<Object>, MakeError> {
        let document = &report.json;
        if document.size_bytes > DOCUMENT_MAX {
            return Err(MakeError::TooLong { size_bytes: document.size_bytes });
        }
        let made = self.forms.make(document, form.format(), Language::English).await?;
        if !made.is_whole {
            return Err(MakeError::NotWhole { form: form.name() });
        }
        let object = |(number, bytes)| Object { form: form.name(), file_name: form.file_name(number), bytes };
        Ok((1..).zip(made.files).map(object).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_in_settings_are_those_that_are_told_and_no_two_files_have_one() {
        for form in Form::ALL {
            let read: Form = serde_json::from_value(form.name().into()).unwrap();
            assert_eq!(read, form);
        }
        let files = |number| Form::ALL.map(|form| form.file_name(number));
        let all: BTreeSet<String> = [files(1), files(2)].concat().into_iter().collect();
        assert_eq!(all.len(), 2 * Form::ALL.len());
        assert_eq!(
            (Form::DicomSc.file_name(1).as_str(), Form::DicomSc.file_name(2).as_str()),
            ("sc.dcm", "sc-2.dcm")
        );
    }
}
