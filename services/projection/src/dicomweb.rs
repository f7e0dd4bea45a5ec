//! What DICOMweb asks and how it is answered, as far as that needs no storage and no database (PS3.18, 10.4 and 10.6). Pure.

pub mod access;
pub mod answer;
pub mod attributes;
mod matching;
pub mod media;
pub mod question;

use hilum_events::{BlobRef, JobId, Sha256Digest};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A data set in the DICOM JSON model: attributes by their tags, eight hexadecimal digits.
pub type DataSet = Map<String, Value>;

/// What is asked for one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Studies.
    Study,
    /// Series.
    Series,
    /// Instances.
    Instance,
}

/// An object that is held: of several with its identifiers the newest that was not taken out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Held {
    /// The upload.
    pub job_id: JobId,
    /// (0020,000D)
    pub study_instance_uid: String,
    /// (0020,000E)
    pub series_instance_uid: String,
    /// (0008,0018)
    pub sop_instance_uid: String,
    /// (0008,0060)
    pub modality: Option<String>,
    /// (0002,0010)
    pub transfer_syntax_uid: String,
    /// (0028,0010), pixels.
    pub rows_px: u32,
    /// (0028,0011), pixels.
    pub columns_px: u32,
    /// The content.
    pub sha256: Sha256Digest,
    /// Where it is kept.
    pub object_key: String,
    /// How long it is, bytes.
    pub size_bytes: u64,
}

impl Held {
    /// Where its bytes are.
    pub fn blob(&self) -> BlobRef {
        BlobRef { key: self.object_key.clone(), sha256: self.sha256, size_bytes: self.size_bytes }
    }
}

/// A study, a series or an instance that was found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entity {
    /// Its newest object, whose header speaks for it.
    pub newest: Held,
    /// The modalities of its objects.
    pub modalities: Vec<String>,
    /// How many series it has.
    pub series: u64,
    /// How many instances it has.
    pub instances: u64,
}
