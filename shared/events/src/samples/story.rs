//! What all samples have in common: site, study, image, model.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::{
    BlobRef, DicomIdentity, JobId, MediaType, ModelIdentity, ReaderIdentity, ReadingId, Sha256Digest, Site,
    StoredImage, StudyId,
};

/// The job with this number.
pub fn job_id(number: u128) -> JobId {
    JobId::from_uuid(Uuid::from_u128(number))
}

/// The site of the story.
pub fn site() -> Site {
    Site::default()
}

/// The study of the story.
pub fn study_id() -> StudyId {
    StudyId::named(&site(), "S-1")
}

/// 2026-01-01T00:00:00Z plus `seconds`.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600).expect("in range") + SignedDuration::from_secs(seconds)
}

/// An object whose content is `content`.
pub(super) fn blob(content: &str) -> BlobRef {
    let sha256 = Sha256Digest::of(content.as_bytes());
    BlobRef { key: format!("sha256/{sha256}"), sha256, size_bytes: content.len() as u64 }
}

/// An image whose content is `content`.
pub fn image(content: &str) -> StoredImage {
    StoredImage {
        blob: blob(content),
        media_type: MediaType::Dicom,
        dicom: Some(DicomIdentity {
            study_instance_uid: "2.25.1".to_owned(),
            series_instance_uid: "2.25.2".to_owned(),
            sop_instance_uid: "2.25.3".to_owned(),
            modality: Some("CR".to_owned()),
            transfer_syntax_uid: "1.2.840.10008.1.2.1".to_owned(),
            rows: 524,
            columns: 640,
        }),
    }
}

/// A model.
pub fn model() -> ModelIdentity {
    ModelIdentity {
        name: "densenet121-demo".to_owned(),
        version: "1".to_owned(),
        weights_sha256: Sha256Digest::of(b"weights"),
        preprocessing_id: "xrv-skimage-224-1".to_owned(),
        trained: false,
    }
}

/// The identity of the reader in all samples.
pub fn reader() -> ReaderIdentity {
    ReaderIdentity { release: "0.1.0".to_owned(), model: model(), rules_sha256: Sha256Digest::of(b"rules") }
}

/// The reading of `content` by [`model`].
pub fn reading_id(content: &str) -> ReadingId {
    ReadingId::of(&Sha256Digest::of(content.as_bytes()), "densenet121-demo@1")
}
