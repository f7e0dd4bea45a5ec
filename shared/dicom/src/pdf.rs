//! The report's PDF as a DICOM object (PS3.3 A.45.1).

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use hilum_events::Sha256Digest;
use hilum_reports::Report;
use hilum_reports::codes::IMAGING_REPORT;

use crate::data_set::DataSet;
use crate::evidence::{instances, source};
use crate::modules::{Plan, content_time, instance};
use crate::subject::Subject;
use crate::{DicomError, ENCAPSULATED_PDF, Instance, Sources};

/// Wraps the PDF that was made of the document whose bytes have the hash `json_sha256`. Another PDF of the same document
/// is another object.
///
/// # Errors
/// When the images name several patients, none of them tells whose it is, or the PDF has 4 GiB or more.
pub fn encapsulated_pdf(
    report: &Report,
    json_sha256: &Sha256Digest,
    sources: &Sources,
    pdf: &[u8],
) -> Result<Instance, DicomError> {
    let subject = Subject::new(report, json_sha256, sources)?;
    let too_long = || DicomError::PdfTooLong { size_bytes: pdf.len() };
    let length =
        u32::try_from(pdf.len()).ok().filter(|length| *length < u32::MAX - 1).ok_or_else(too_long)?;
    let plan = Plan {
        form: ENCAPSULATED_PDF,
        sop_class_uid: uids::ENCAPSULATED_PDF_STORAGE,
        modality: "DOC",
        series_number: 9003,
        series_description: "AI result PDF, not a diagnosis",
        role: Sha256Digest::of(pdf).to_string(),
        instance_number: 1,
    };
    let mut padded = pdf.to_vec();
    padded.resize(pdf.len().next_multiple_of(2), 0);
    let incomplete = if subject.is_incomplete() { "INCOMPLETE, " } else { "" };
    let title = format!("AI result, {incomplete}revision {}. {}", report.revision, report.disclaimer);
    let content = DataSet::new()
        .text(tags::CONVERSION_TYPE, VR::CS, "WSD")
        .empty(tags::ACQUISITION_DATE_TIME, VR::DT)
        // The pictures in it may show what was burned into the images.
        .text(tags::BURNED_IN_ANNOTATION, VR::CS, "YES")
        .text(tags::DOCUMENT_TITLE, VR::ST, title)
        .code(tags::CONCEPT_NAME_CODE_SEQUENCE, IMAGING_REPORT)
        .text(tags::VERIFICATION_FLAG, VR::CS, "UNVERIFIED")
        .text(tags::MIME_TYPE_OF_ENCAPSULATED_DOCUMENT, VR::LO, "application/pdf")
        .bytes(tags::ENCAPSULATED_DOCUMENT, VR::OB, padded)
        .long(tags::ENCAPSULATED_DOCUMENT_LENGTH, length)
        .and(content_time(&subject));
    let sources = instances(&subject);
    let content = match sources.is_empty() {
        true => content,
        false => content.items(tags::SOURCE_INSTANCE_SEQUENCE, sources.into_iter().map(source)),
    };
    instance(&subject, &plan, content)
}
