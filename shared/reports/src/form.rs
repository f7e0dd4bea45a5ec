//! What is common to all forms that are made of the document.

use hilum_events::Sha256Digest;

/// A form that a report can be given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// A word for it, such as `html`.
    pub name: &'static str,
    /// Its media type, for HTTP.
    pub media_type: &'static str,
    /// Raised whenever this release makes other bytes of the same document than the one before.
    pub version: u32,
}

impl Form {
    /// Names the bytes of this form without making them: they follow from the document with this hash, from the
    /// pictures it names and from the version. What lacks a picture that the document names has other bytes.
    pub fn tag(&self, json_sha256: &Sha256Digest) -> Sha256Digest {
        Sha256Digest::of(format!("{json_sha256}/{}/{}", self.name, self.version).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_document_form_or_version_has_another_tag() {
        let form = Form { name: "html", media_type: "text/html", version: 1 };
        let (one, other) = (Sha256Digest::of(b"one"), Sha256Digest::of(b"other"));
        let tag = form.tag(&one);
        assert_eq!(form.tag(&one), tag);
        assert_ne!(form.tag(&other), tag);
        assert_ne!(Form { name: "pdf", ..form }.tag(&one), tag);
        assert_ne!(Form { version: 2, ..form }.tag(&one), tag);
    }
}
