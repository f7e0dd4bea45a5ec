//! The keys of a target as they stand in the file, and which of them a kind of target has.

use std::path::PathBuf;

use hilum_events::Site;
use serde::Deserialize;

use hilum_forms::Format;

/// What a target speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// DICOM C-STORE.
    Dicom,
    /// DICOMweb STOW-RS.
    Stow,
    /// FHIR over HTTP.
    Fhir,
    /// HL7 v2 over MLLP.
    Hl7,
    /// JSON over HTTP, signed.
    Webhook,
    /// A prefix in object storage.
    S3,
}

/// Every key that a target of some kind has.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    pub(super) kind: Kind,
    pub(super) sites: Option<Vec<Site>>,
    pub(super) forms: Option<Vec<Format>>,
    pub(super) language: Option<String>,
    pub(super) tries: Option<usize>,
    pub(super) timeout_s: Option<u64>,
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) called_ae: Option<String>,
    pub(super) calling_ae: Option<String>,
    pub(super) url: Option<String>,
    pub(super) token_env: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) token_over_http: Option<bool>,
    pub(super) every_revision: Option<bool>,
    pub(super) secret_env: Option<String>,
    pub(super) secret_file: Option<PathBuf>,
    pub(super) endpoint_url: Option<String>,
    pub(super) region: Option<String>,
    pub(super) access_key_id_env: Option<String>,
    pub(super) secret_access_key_env: Option<String>,
    pub(super) sending_application: Option<String>,
    pub(super) sending_facility: Option<String>,
    pub(super) receiving_application: Option<String>,
    pub(super) receiving_facility: Option<String>,
    pub(super) name_patient: Option<bool>,
    pub(super) assigning_authority: Option<String>,
    pub(super) require_patient_id: Option<bool>,
}

/// Keys of every kind.
const COMMON: [&str; 6] = ["kind", "sites", "forms", "language", "tries", "timeout_s"];

impl Kind {
    /// For sentences.
    pub(super) fn phrase(self) -> &'static str {
        match self {
            Self::Dicom => "a dicom target",
            Self::Stow => "a stow target",
            Self::Fhir => "a fhir target",
            Self::Hl7 => "an hl7 target",
            Self::Webhook => "a webhook",
            Self::S3 => "an s3 target",
        }
    }

    /// The forms that it may be given.
    pub(super) fn forms(self) -> &'static [Format] {
        match self {
            Self::Dicom | Self::Stow => &[Format::DicomSr, Format::DicomSc, Format::DicomPdf],
            Self::Fhir => &[Format::Fhir],
            Self::Hl7 => &[Format::Hl7],
            Self::Webhook => &[Format::Json],
            Self::S3 => &Format::ALL,
        }
    }

    /// What it is given when it does not say.
    pub(super) fn usual_form(self) -> Format {
        match self {
            Self::Dicom | Self::Stow => Format::DicomSr,
            Self::Fhir => Format::Fhir,
            Self::Hl7 => Format::Hl7,
            Self::Webhook | Self::S3 => Format::Json,
        }
    }

    /// Whether it takes a newer revision of a report for the older one: where each is an object of its own, all are kept.
    pub(super) fn has_revisions(self) -> bool {
        matches!(self, Self::Fhir | Self::Hl7 | Self::Webhook)
    }

    /// Its keys, besides those of every kind.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Dicom => &["host", "port", "called_ae", "calling_ae", "require_patient_id"],
            Self::Stow => &["url", "token_env", "token_file", "token_over_http", "require_patient_id"],
            Self::Fhir => &["url", "token_env", "token_file", "token_over_http", "every_revision"],
            Self::Hl7 => &[
                "host",
                "port",
                "every_revision",
                "sending_application",
                "sending_facility",
                "receiving_application",
                "receiving_facility",
                "name_patient",
                "assigning_authority",
                "require_patient_id",
            ],
            Self::Webhook => &[
                "url",
                "token_env",
                "token_file",
                "token_over_http",
                "secret_env",
                "secret_file",
                "every_revision",
            ],
            Self::S3 => &[
                "url",
                "endpoint_url",
                "region",
                "access_key_id_env",
                "secret_access_key_env",
                "require_patient_id",
            ],
        }
    }
}

/// Reads the keys of a target; one that its kind does not have is refused.
pub(super) fn read(table: toml::Table) -> Result<Keys, String> {
    let given: Vec<String> = table.keys().cloned().collect();
    let keys: Keys = table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let own = keys.kind.keys();
    let stranger = given.iter().find(|key| !COMMON.contains(&key.as_str()) && !own.contains(&key.as_str()));
    match stranger {
        Some(key) => {
            let may = [&COMMON[..], own].concat().join(", ");
            Err(format!("{} has no key `{key}`; its keys are {may}", keys.kind.phrase()))
        }
        None => Ok(keys),
    }
}
