//! What forms are made of: the document with the pictures that the form shows and, for forms that name a patient, with the
//! headers of its images.

use bytes::Bytes;
use hilum_reports::{Picture, Pictures, Report};

use crate::error::FormError;
use crate::files::FormFiles;
use crate::headers::Headers;
use crate::turn::Turn;

/// A document with the pictures that a form shows.
pub(crate) struct IllustratedReport {
    pub(crate) report: Report,
    pub(crate) pictures: Pictures,
}

impl IllustratedReport {
    /// Whether every picture was to be had.
    pub(crate) fn is_whole(&self) -> bool {
        self.pictures.values().all(|picture| matches!(picture, Picture::Shown { .. }))
    }
}

/// A document with its pictures and the headers that say whose its images are.
pub(crate) struct AttributedReport {
    pub(crate) illustrated: IllustratedReport,
    pub(crate) headers: Headers,
}

impl AttributedReport {
    /// The files that `make` makes of it.
    pub(crate) async fn files(
        self,
        turn: &Turn,
        make: impl FnOnce(&Self) -> Result<Vec<Bytes>, FormError> + Send + 'static,
    ) -> Result<FormFiles, FormError> {
        let is_whole = self.illustrated.is_whole() && self.headers.is_whole;
        let patient = self.headers.sources.patient(&self.illustrated.report);
        let has_own_id = !matches!(patient, Ok(Some(header)) if !header.patient_id.is_empty());
        Ok(FormFiles { files: turn.work(move || make(&self)).await??, is_whole, has_own_id })
    }
}
