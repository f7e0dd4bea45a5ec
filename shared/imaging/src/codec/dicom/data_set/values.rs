//! The value of an element in the DICOM JSON model, by its representation (PS3.18, F.2.3). Knows no element.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use dicom_core::VR;
use serde_json::{Map, Number, Value, json};

use crate::character_set::read;
use crate::codec::dicom::syntax::Syntax;

/// Whether values are bytes that nobody reads as text or as single numbers.
pub(super) fn is_binary(vr: VR) -> bool {
    use VR::{OB, OD, OF, OL, OV, OW, UN};
    matches!(vr, OB | OD | OF | OL | OV | OW | UN)
}

/// Under which key the value stands, and the value; `None` if it is empty.
pub(super) fn of(bytes: &[u8], vr: VR, syntax: Syntax, character_set: &str) -> (&'static str, Option<Value>) {
    if is_binary(vr) {
        let bytes = (!bytes.is_empty()).then(|| in_little_endian(bytes, vr, syntax));
        return ("InlineBinary", bytes.map(|bytes| json!(BASE64_STANDARD.encode(bytes))));
    }
    let values = match vr {
        VR::AT => words(bytes, u16::from_le_bytes, u16::from_be_bytes, syntax)
            .chunks_exact(2)
            .map(|tag| json!(format!("{:04X}{:04X}", tag[0], tag[1])))
            .collect(),
        VR::US => numbers(bytes, u16::from_le_bytes, u16::from_be_bytes, syntax),
        VR::SS => numbers(bytes, i16::from_le_bytes, i16::from_be_bytes, syntax),
        VR::UL => numbers(bytes, u32::from_le_bytes, u32::from_be_bytes, syntax),
        VR::SL => numbers(bytes, i32::from_le_bytes, i32::from_be_bytes, syntax),
        VR::UV => numbers(bytes, u64::from_le_bytes, u64::from_be_bytes, syntax),
        VR::SV => numbers(bytes, i64::from_le_bytes, i64::from_be_bytes, syntax),
        VR::FL => {
            let found = words(bytes, f32::from_le_bytes, f32::from_be_bytes, syntax);
            found.into_iter().map(|value| real(value.into())).collect()
        }
        VR::FD => {
            words(bytes, f64::from_le_bytes, f64::from_be_bytes, syntax).into_iter().map(real).collect()
        }
        _ => texts(bytes, vr, character_set),
    };
    ("Value", (!values.is_empty()).then(|| values.into()))
}

fn in_little_endian(bytes: &[u8], vr: VR, syntax: Syntax) -> Vec<u8> {
    let width = match vr {
        VR::OW => 2,
        VR::OL | VR::OF => 4,
        VR::OD | VR::OV => 8,
        _ => 1,
    };
    let mut bytes = bytes.to_vec();
    if syntax.big_endian {
        bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
    bytes
}

/// What is no whole number of values has none.
fn words<T, const N: usize>(
    bytes: &[u8],
    little: impl Fn([u8; N]) -> T,
    big: impl Fn([u8; N]) -> T,
    syntax: Syntax,
) -> Vec<T> {
    let (whole, []) = bytes.as_chunks::<N>() else { return Vec::new() };
    whole.iter().map(|bytes| if syntax.big_endian { big(*bytes) } else { little(*bytes) }).collect()
}

fn numbers<T: Into<Number>, const N: usize>(
    bytes: &[u8],
    little: impl Fn([u8; N]) -> T,
    big: impl Fn([u8; N]) -> T,
    syntax: Syntax,
) -> Vec<Value> {
    words(bytes, little, big, syntax).into_iter().map(|number| Value::Number(number.into())).collect()
}

/// JSON has no numbers that are none.
fn real(value: f64) -> Value {
    let word = || {
        if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "inf"
        } else {
            "-inf"
        }
    };
    Number::from_f64(value).map_or_else(|| json!(word()), Value::Number)
}

fn texts(bytes: &[u8], vr: VR, character_set: &str) -> Vec<Value> {
    let text = match vr {
        VR::SH | VR::LO | VR::ST | VR::LT | VR::PN | VR::UC | VR::UT => unicode(bytes, character_set),
        _ => unicode(bytes, ""),
    };
    let text = text.trim_end_matches([' ', '\0']);
    if text.is_empty() {
        return Vec::new();
    }
    if matches!(vr, VR::LT | VR::ST | VR::UT | VR::UR) {
        return vec![json!(text)];
    }
    text.split('\\').map(|value| one(value.trim_matches([' ', '\0']), vr)).collect()
}

/// Where a byte is no character of its set, the text is UTF-8 that says otherwise, or has a sign for what can't be read.
fn unicode(bytes: &[u8], character_set: &str) -> String {
    read(bytes, character_set).unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned())
}

/// One of several values.
fn one(text: &str, vr: VR) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    match vr {
        VR::PN => person(text),
        VR::IS => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
        VR::DS => {
            let number = text.parse().ok().and_then(Number::from_f64);
            number.map_or_else(|| json!(text), Value::Number)
        }
        _ => json!(text),
    }
}

/// A name in up to three writings.
fn person(text: &str) -> Value {
    let writings = ["Alphabetic", "Ideographic", "Phonetic"].into_iter().zip(text.split('='));
    let writings = writings.filter(|(_, name)| !name.is_empty());
    writings.map(|(writing, name)| (writing.to_owned(), json!(name))).collect::<Map<_, _>>().into()
}
