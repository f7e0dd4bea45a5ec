//! The objects that a target is given of a report: forms of its stored document, made by `shared/forms`.

use hilum_events::ReportIssued;
use hilum_forms::{FormError, Format, Maker};

use crate::shipment::Object;
use crate::targets::Target;

/// Longest document, bytes.
const DOCUMENT_MAX: u64 = 64 << 20;

/// A form can't be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// `shared/forms` says why.
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

/// The report in this form for this target: one object, or for a form of several each of them.
pub(crate) async fn objects(
    maker: &Maker,
    report: &ReportIssued,
    format: Format,
    target: &Target,
) -> Result<Vec<Object>, MakeError> {
    let document = &report.json;
    if document.size_bytes > DOCUMENT_MAX {
        return Err(MakeError::TooLong { size_bytes: document.size_bytes });
    }
    let settings = target.protocol.settings();
    let made = match format {
        Format::Hl7 => maker.message(document, &settings.message()).await?,
        _ => maker.make(document, format, target.language).await?,
    };
    if !made.is_whole {
        return Err(MakeError::NotWhole { form: format.name() });
    }
    if made.has_own_id && settings.requires_patient_id() {
        return Err(MakeError::NoPatientId);
    }
    let object =
        |(number, bytes)| Object { form: format.name(), file_name: file_name(format, number), bytes };
    Ok((1..).zip(made.files).map(object).collect())
}

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

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
