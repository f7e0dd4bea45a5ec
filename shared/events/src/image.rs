//! What is known of a stored image without its pixels. Knows no bytes, no parser and no person: patient
//! attributes have no field here.

use serde::{Deserialize, Serialize};

/// File type as told by the first bytes of the file, never by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaType {
    /// PNG, ISO/IEC 15948.
    Png,
    /// JPEG, ITU-T T.81.
    Jpeg,
    /// DICOM file with preamble and file meta information, PS3.10.
    Dicom,
}

impl MediaType {
    /// Bytes from the start of a file that [`MediaType::recognise`] needs to decide.
    pub const PREFIX_LEN: usize = 132;

    /// Tells the type from the first [`Self::PREFIX_LEN`] bytes (fewer if the file is shorter).
    pub fn recognise(prefix: &[u8]) -> Option<Self> {
        if prefix.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if prefix.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if prefix.get(128..132) == Some(b"DICM") {
            Some(Self::Dicom)
        } else {
            None
        }
    }

    /// The IANA media type.
    pub fn as_mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Dicom => "application/dicom",
        }
    }
}

/// The attributes of a DICOM instance that Hilum keeps: identifiers and the shape of the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DicomIdentity {
    /// (0020,000D)
    pub study_instance_uid: String,
    /// (0020,000E)
    pub series_instance_uid: String,
    /// (0008,0018)
    pub sop_instance_uid: String,
    /// (0008,0060), a code such as CR or DX; `None` when absent.
    pub modality: Option<String>,
    /// (0002,0010)
    pub transfer_syntax_uid: String,
    /// (0028,0010), pixels.
    pub rows: u32,
    /// (0028,0011), pixels.
    pub columns: u32,
}
