//! The protocols by which targets are reached, each a module with its keys in the file of targets, its settings, its forms
//! and its sender. A new one is a module and a variant of [`Protocol`].

mod address;
mod dicom;
mod error;
mod fhir;
mod hl7;
mod http;
mod s3;
mod sender;
mod settings;
mod store_status;
mod stow;
mod webhook;

use serde::Deserialize;

pub use address::{Endpoint, HostPort};
pub use dicom::DicomSettings;
pub use error::{SendError, SenderError};
pub use fhir::FhirSettings;
pub use hl7::Hl7Settings;
pub use s3::S3Settings;
pub(crate) use sender::Sender;
pub(crate) use settings::Settings;
pub use stow::StowSettings;
pub use webhook::WebhookSettings;

/// What a target speaks, with its settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Protocol {
    /// DICOM C-STORE.
    Dicom(DicomSettings),
    /// DICOMweb STOW-RS.
    Stow(StowSettings),
    /// FHIR over HTTP.
    Fhir(FhirSettings),
    /// HL7 v2 over MLLP.
    Hl7(Hl7Settings),
    /// JSON over HTTP, signed.
    Webhook(WebhookSettings),
    /// A prefix in object storage.
    S3(S3Settings),
}

impl Protocol {
    pub(crate) fn settings(&self) -> &dyn Settings {
        match self {
            Self::Dicom(settings) => settings,
            Self::Stow(settings) => settings,
            Self::Fhir(settings) => settings,
            Self::Hl7(settings) => settings,
            Self::Webhook(settings) => settings,
            Self::S3(settings) => settings,
        }
    }
}
