//! What comes out: the files of a form.

use std::fmt;

use bytes::Bytes;

/// The files of a form. They may name a patient: `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct FormFiles {
    /// One, or for a form of several objects each of them.
    pub files: Vec<Bytes>,
    /// Whether every picture, image and earlier document that they should be made of was to be had: only then are their
    /// bytes those that [`Format::tag`](crate::Format::tag) names.
    pub is_whole: bool,
    /// Whether the form names its patient by an id of ours, since no image tells one.
    pub has_own_id: bool,
}

impl fmt::Debug for FormFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FormFiles({} files, is_whole: {})", self.files.len(), self.is_whole)
    }
}

impl FormFiles {
    pub(crate) fn one(file: impl Into<Bytes>) -> Self {
        Self { files: vec![file.into()], is_whole: true, has_own_id: false }
    }
}
