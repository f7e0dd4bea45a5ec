//! The revision before the one that a structured report is made of, which it refers to.

use hilum_blobs::{BlobStore, GetError};
use hilum_dicom::{Predecessor, Sources};
use hilum_events::{BlobRef, Sha256Digest};
use hilum_imaging::DecoderPool;
use hilum_reports::{ReadError, Report};

use crate::error::FormError;
use crate::headers;
use crate::turn::Turn;

/// The revision before, as far as it is to be had.
pub(crate) struct Before {
    revision: Option<Revision>,
    /// Whether all of it was to be had that the document names.
    pub(crate) is_whole: bool,
}

struct Revision {
    report: Report,
    json_sha256: Sha256Digest,
    sources: Sources,
}

/// Why the document that is named as the one before is of no use.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("the document of the revision before is not in storage as it was; restore the object storage")]
    Lost(#[source] GetError),
    #[error("this release can't read the document of the revision before")]
    Unreadable(#[source] ReadError),
    #[error("what is named as the document of the revision before is of another study or revision")]
    Other,
    #[error("an image of the revision before is not in storage as it was; restore the object storage")]
    Image,
}

impl Before {
    /// Fetches the revision before `report`. Headers that are `known` are not read again.
    ///
    /// # Errors
    /// When the storage is away or the decoder can't work. What is lost for good is no error: the form is not whole.
    pub(crate) async fn of(
        blobs: &BlobStore,
        decoder: &DecoderPool,
        turn: &Turn,
        report: &Report,
        known: &Sources,
    ) -> Result<Self, FormError> {
        let Some(json) = &report.provenance.previous_document else {
            return Ok(Self { revision: None, is_whole: true });
        };
        let before = match document(blobs, turn, report, json).await? {
            Ok(before) => before,
            Err(unfit) => return Ok(Self::lost(&unfit)),
        };
        let headers = headers::of(blobs, decoder, &before, known).await?;
        if !headers.is_whole {
            return Ok(Self::lost(&Unfit::Image));
        }
        let revision = Revision { report: before, json_sha256: json.sha256, sources: headers.sources };
        Ok(Self { revision: Some(revision), is_whole: true })
    }

    fn lost(unfit: &Unfit) -> Self {
        tracing::error!(
            error = unfit as &dyn std::error::Error,
            "a structured report can't name the one before"
        );
        Self { revision: None, is_whole: false }
    }

    pub(crate) fn predecessor(&self) -> Option<Predecessor<'_>> {
        self.revision.as_ref().map(|Revision { report, json_sha256, sources }| Predecessor {
            report,
            json_sha256,
            sources,
        })
    }
}

async fn document(
    blobs: &BlobStore,
    turn: &Turn,
    report: &Report,
    json: &BlobRef,
) -> Result<Result<Report, Unfit>, FormError> {
    let document = match blobs.get(json).await {
        Ok(document) => document,
        Err(away) if away.is_transient() => return Err(FormError::Away(away)),
        Err(lost) => return Ok(Err(Unfit::Lost(lost))),
    };
    let before = match turn.work(move || Report::from_json(&document)).await? {
        Ok(before) => before,
        Err(error) => return Ok(Err(Unfit::Unreadable(error))),
    };
    let is_the_one =
        before.study_id == report.study_id && Some(before.revision) == report.provenance.previous_revision;
    Ok(if is_the_one { Ok(before) } else { Err(Unfit::Other) })
}
