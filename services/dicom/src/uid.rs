//! Unique identifiers as commands and associations carry them (PS3.5, 9).

/// What writes the meta information of the files that the door makes, and what it calls itself. Never another one: what it writes
/// is part of a content, and a content that is sent again is to be the same.
pub(crate) const IMPLEMENTATION_CLASS: &str = "2.25.76372331536738566997558264744841884588";
/// The name of it.
pub(crate) const IMPLEMENTATION_VERSION: &str = "HILUM";

pub(crate) const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";
pub(crate) const VERIFICATION: &str = "1.2.840.10008.1.1";
/// SOP class of storage commitment, and its one instance (PS3.4, J.3).
pub(crate) const COMMITMENT: &str = "1.2.840.10008.1.20.1";
/// That instance.
pub(crate) const COMMITMENT_INSTANCE: &str = "1.2.840.10008.1.20.1.1";
/// Implicit VR little endian, which every association has.
pub(crate) const IMPLICIT: &str = "1.2.840.10008.1.2";
/// Explicit VR little endian.
pub(crate) const EXPLICIT: &str = "1.2.840.10008.1.2.1";

/// The longest that the standard allows.
const MAX_CHARS: usize = 64;

/// The identifier without its padding.
pub(crate) fn unpadded(text: &str) -> &str {
    text.trim_matches([' ', '\0'])
}

/// Whether it is written as an identifier is. Zeros before a number are let pass: devices write them.
pub(crate) fn is_uid(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= MAX_CHARS && text.split('.').all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_numbers_with_dots() {
        for uid in ["1.2.840.10008.1.1", IMPLEMENTATION_CLASS, "2.25.01", &"1".repeat(64)] {
            assert!(is_uid(uid), "{uid}");
        }
        for other in ["", ".", "1.", "1..2", "1.2 ", "Doe^John", "1.2/../../etc", &"1".repeat(65)] {
            assert!(!is_uid(other), "{other}");
        }
        assert_eq!(unpadded("1.2.3\0"), "1.2.3");
    }
}
