//! What is wrong with the file, for whoever wrote it.

use std::ops::Range;
use std::path::PathBuf;

/// What is wrong with the text of a file of settings, and where. The files of the doors have it too.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// What is wrong there and what to write instead.
    pub what: String,
}

impl Fault {
    /// A fault at this place of the text.
    pub fn at(text: &str, span: &Range<usize>, what: impl Into<String>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        Self { line: before.matches('\n').count() + 1, what: what.into() }
    }
}

/// The file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SitesError {
    /// It can't be read.
    #[error("cannot read the rules of the sites from {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It has a fault.
    #[error("the rules of the sites in {path} can't be used")]
    Content {
        /// The file.
        path: PathBuf,
        /// Which.
        source: Fault,
    },
}
