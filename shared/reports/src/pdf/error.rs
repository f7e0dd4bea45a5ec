//! Why there is no PDF.

use krilla::error::KrillaError;

/// The report can't be written.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// The faces that are built in are none.
    #[error("the typeface of this release can't be read; build it again from a clean checkout")]
    Face,
    /// What was laid out does not make a sound file.
    #[error("the report can't be written as a PDF; ask for its HTML or JSON form and report a bug")]
    Write(#[source] KrillaError),
}
