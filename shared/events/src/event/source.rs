//! How an image came in.

use serde::{Deserialize, Serialize};

/// How an image came in, and from whom. Nothing of a patient: no file name, no key of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ImageSource {
    /// The kind of door.
    pub way: Way,
    /// The name that the operator's configuration has for the sender, such as its AE title or the name of a watch; absent
    /// where a door asks for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Network address of the other end, without its port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Our own id of the association or the request in which it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<String>,
}

/// The ways in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// An upload by `POST /v1/jobs`.
    Http,
    /// A C-STORE.
    Dicom,
    /// A store transaction of DICOMweb.
    Dicomweb,
    /// An object in a watched bucket.
    S3,
}

impl Way {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Dicom => "dicom",
            Self::Dicomweb => "dicomweb",
            Self::S3 => "s3",
        }
    }
}

impl ImageSource {
    /// By this way, with nothing more known.
    pub fn by(way: Way) -> Self {
        Self { way, sender: None, peer: None, transfer: None }
    }
}
