//! Texts of a header that may be repeated, and whether they have the form that they must have. Knows no picture.

use dicom_core::Tag;
use dicom_core::value::Value;
use dicom_object::InMemDicomObject;

use crate::error::{Refusal, RefusalCode};

/// The text of an element without its padding; `None` if it is absent, empty or no text.
pub(super) fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    match object.get(tag)?.value() {
        Value::Primitive(value) => Some(value.to_str().trim_matches([' ', '\0']).to_owned()),
        _ => None,
    }
    .filter(|text| !text.is_empty())
}

pub(super) fn is_uid(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Whether `text` can be a code string: nothing longer or freer is taken over, a name might stand in it.
pub(super) fn is_code(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= 16 && text.bytes().all(allowed)
}

pub(super) fn unsupported_transfer_syntax(uid: &str) -> Refusal {
    let uid = uid.trim_matches([' ', '\0']);
    if is_uid(uid) {
        RefusalCode::UnsupportedTransferSyntax.with(format!("transfer syntax {uid}"))
    } else {
        RefusalCode::UnsupportedTransferSyntax.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uids_and_codes_pass() {
        assert!(is_uid("1.2.840.10008.1.2"));
        assert!(!is_uid("1.2.DOE^JOHN"));
        assert!(!is_uid(&"1".repeat(65)));
        assert!(is_code("CR") && is_code("RTDOSE") && !is_code("Doe^John") && !is_code("JOHN DOE"));
    }
}
