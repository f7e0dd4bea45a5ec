//! In which forms and languages a report can be asked for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReportForm {
    /// The document itself.
    Json,
    /// A page for people.
    Html,
    /// Sheets for people.
    Pdf,
    /// A FHIR R4 Bundle.
    Fhir,
    /// An HL7 v2.5.1 message ORU^R01.
    Hl7,
    /// A DICOM structured report.
    DicomSr,
    /// A DICOM secondary capture of each content that was read.
    DicomSc,
    /// The sheets for people as a DICOM object.
    DicomPdf,
}

/// The language of a form for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReportLanguage {
    /// English.
    En,
    /// Korean.
    Ko,
}
