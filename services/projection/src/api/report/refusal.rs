//! Why a report is not given, as problems, and once in the log.

use std::error::Error;

use hilum_api::{Problem, ProblemType};
use hilum_blobs::GetError;
use hilum_events::BlobRef;
use hilum_forms::{DicomError, FormError};

use crate::api::error::internal;

/// A stored page can't be had.
pub(super) fn not_stored(blob: &BlobRef, error: &GetError) -> Problem {
    if error.is_transient() { away(blob, error) } else { lost(blob, error) }
}

/// A form of the document `json` was not made.
pub(super) fn not_made(json: &BlobRef, error: &FormError) -> Problem {
    match error {
        FormError::Away(_) => away(json, error),
        FormError::Lost(_) => lost(json, error),
        FormError::Busy => {
            Problem::unavailable("too many reports are made at this moment; try again, or ask for JSON")
        }
        FormError::Unreadable(_) => {
            tracing::error!(error = error as &dyn Error, key = json.key, "cannot read a report");
            internal("this release can't read the stored report; ask for ?format=json, and tell the operator")
        }
        FormError::Flawed(flaw) => {
            tracing::error!(error = error as &dyn Error, key = json.key, "a report has a flaw");
            internal(&format!(
                "{flaw}, so the report is not given in this form; ask for ?format=json or ?format=html, and tell the operator"
            ))
        }
        FormError::Header(_) => {
            tracing::warn!(error = error as &dyn Error, key = json.key, "cannot read whose images are");
            Problem::unavailable("the headers of the study's images can't be read at this moment; try again")
        }
        FormError::Dicom(refused @ (DicomError::SeveralPatients | DicomError::NoHeader)) => {
            Problem::new(ProblemType::NoDicomObject, refused.to_string())
        }
        // No form that is asked for here names a patient in a message.
        FormError::Dicom(_) | FormError::Pdf(_) | FormError::Patient(_) | FormError::Broken(_) => {
            tracing::error!(error = error as &dyn Error, key = json.key, "a report could not be made");
            internal("the report could not be made; ask for ?format=json, and tell the operator")
        }
    }
}

fn away(blob: &BlobRef, error: &(dyn Error + 'static)) -> Problem {
    tracing::warn!(error, key = blob.key, "cannot read a report");
    Problem::unavailable("the object storage is away; try again, nothing is lost")
}

fn lost(blob: &BlobRef, error: &(dyn Error + 'static)) -> Problem {
    tracing::error!(error, key = blob.key, "a report is not what was issued");
    internal("the stored report is missing or damaged and is not shown; tell the operator")
}
