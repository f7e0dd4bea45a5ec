//! A value of a header: absent, a text, or there and unreadable. `Debug` shows none.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The value of an attribute in a header.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeaderValue {
    /// Nothing, or nothing but padding.
    #[default]
    Absent,
    /// A text, without its padding.
    Text(String),
    /// Something that is no text, or a longer one than any device writes there.
    Unreadable,
}

impl HeaderValue {
    /// The longest text that is looked at, characters. The standard allows 16 to 64.
    const MAX_CHARS: usize = 128;

    /// The value of this text.
    pub fn of(text: &str) -> Self {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        if text.is_empty() {
            Self::Absent
        } else if text.chars().count() > Self::MAX_CHARS {
            Self::Unreadable
        } else {
            Self::Text(text.to_owned())
        }
    }

    /// The value again as [`Self::of`] makes it, for one that came from elsewhere.
    #[must_use]
    pub fn bounded(self) -> Self {
        match self {
            Self::Text(text) => Self::of(&text),
            other => other,
        }
    }
}

impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::Text(_) => "Text(..)",
            Self::Unreadable => "Unreadable",
        })
    }
}

/// An item of a code sequence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concept {
    /// Code Value (0008,0100), such as `399173006`.
    pub code: HeaderValue,
    /// Code Meaning (0008,0104), such as `left lateral`.
    pub meaning: HeaderValue,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_absent_a_text_or_unreadable_and_is_not_shown() {
        assert_eq!(HeaderValue::of(" \0 "), HeaderValue::Absent);
        assert_eq!(HeaderValue::of(" Doe "), HeaderValue::Text("Doe".to_owned()));
        assert_eq!(HeaderValue::of(&"x".repeat(129)), HeaderValue::Unreadable);
        assert_eq!(HeaderValue::Text("x".repeat(129)).bounded(), HeaderValue::Unreadable);
        assert!(!format!("{:?}", HeaderValue::of("Doe")).contains("Doe"));
    }
}
