//! Why something of DICOMweb is not answered, as problems, and once in the log.

use std::error::Error;

use hilum_api::{Problem, ProblemType};
use hilum_events::BlobRef;

use crate::api::error::internal;
use crate::headers::HeaderError;

/// 404: nothing is handed out.
pub(super) fn off() -> Problem {
    Problem::not_found(
        "DICOMweb hands out nothing here; the operator switches it on with HILUM_DICOMWEB_READ=identifiers or =full (`hilum up \
         --dicomweb-read identifiers`), for everybody who reaches the API",
    )
}

/// 403.
pub(super) fn withheld(detail: &str) -> Problem {
    Problem::new(ProblemType::Withheld, detail)
}

/// 410.
pub(super) fn taken_out() -> Problem {
    Problem::new(
        ProblemType::TakenOut,
        "it was held, and an operator took it out of its study: it is of somebody else, or should not be there",
    )
}

/// 406.
pub(super) fn not_acceptable(detail: &str) -> Problem {
    Problem::new(ProblemType::NotAcceptable, detail)
}

/// An object can't be had, or not be read.
pub(super) fn not_read(blob: &BlobRef, error: &HeaderError) -> Problem {
    let cause = error as &dyn Error;
    match error {
        HeaderError::Busy => Problem::unavailable(error.to_string()),
        HeaderError::Away(_) | HeaderError::Decoder(_) => {
            tracing::warn!(error = cause, sha256 = %blob.sha256, "an object can't be read at this moment");
            Problem::unavailable(error.to_string())
        }
        HeaderError::Lost(_) => {
            tracing::error!(error = cause, sha256 = %blob.sha256, "an object is not what was stored");
            internal("the stored object is missing or damaged and is not handed out; tell the operator")
        }
        HeaderError::Unreadable(_) => Problem::new(
            ProblemType::UnreadableImage,
            "the object has no picture that can be read here; it can be retrieved as it is stored",
        ),
        HeaderError::Garbled => {
            tracing::error!(error = cause, sha256 = %blob.sha256, "an object can't be read");
            internal("the object can't be read; tell the operator")
        }
    }
}
