//! Text in the character sets of DICOM (PS3.3 C.12.1.1.2, ISO 2022) to Unicode. Knows no header.

use dicom_encoding::text::{SpecificCharacterSet, TextCodec as _};

/// Decodes `bytes` by the terms of a Specific Character Set and by the escape sequences that switch between them; `None` if a
/// byte is no character of its set, or the set is not known.
pub(crate) fn read(bytes: &[u8], character_set: &str) -> Option<String> {
    const ESCAPE: u8 = 0x1B;
    let codec = |term: &str| match term.trim() {
        "" => Some(SpecificCharacterSet::ISO_IR_6),
        term => SpecificCharacterSet::from_code(term),
    };
    let first = character_set.split('\\').next().unwrap_or_default();
    let mut upper = codec(first);
    let mut runs = bytes.split(|byte| *byte == ESCAPE);
    let mut text = plain(runs.next().unwrap_or_default(), upper.as_ref())?;
    for run in runs {
        let (sequence, set) = ESCAPES.iter().find(|(sequence, _)| run.starts_with(sequence))?;
        let rest = &run[sequence.len()..];
        match set {
            Set::Ascii => text += &plain(rest, upper.as_ref())?,
            Set::Upper(term) => {
                upper = codec(term);
                text += &plain(rest, upper.as_ref())?;
            }
            Set::Pairs(term) => text += &codec(term)?.decode(&[&[ESCAPE], run].concat()).ok()?,
        }
    }
    Some(text)
}

/// Decodes a run without escape sequences. ASCII reads the same in all sets; other bytes need one that is known.
fn plain(bytes: &[u8], set: Option<&SpecificCharacterSet>) -> Option<String> {
    if bytes.is_ascii() {
        return str::from_utf8(bytes).ok().map(str::to_owned);
    }
    let set = set.filter(|set| **set != SpecificCharacterSet::ISO_IR_6)?;
    set.decode(bytes).ok()
}

/// The set to which an escape sequence switches.
enum Set {
    /// The lower half is ASCII, or nearly.
    Ascii,
    /// The upper half is of this set.
    Upper(&'static str),
    /// The lower half is in pairs of this set.
    Pairs(&'static str),
}

/// Escape sequences without the escape itself.
const ESCAPES: [(&[u8], Set); 17] = [
    (b"$)C", Set::Upper("ISO 2022 IR 149")),
    (b"$)A", Set::Upper("ISO 2022 IR 58")),
    (b"$B", Set::Pairs("ISO 2022 IR 87")),
    (b"$@", Set::Pairs("ISO 2022 IR 87")),
    (b"(B", Set::Ascii),
    (b"(J", Set::Ascii),
    (b")I", Set::Upper("ISO 2022 IR 13")),
    (b"-A", Set::Upper("ISO 2022 IR 100")),
    (b"-B", Set::Upper("ISO 2022 IR 101")),
    (b"-C", Set::Upper("ISO 2022 IR 109")),
    (b"-D", Set::Upper("ISO 2022 IR 110")),
    (b"-F", Set::Upper("ISO 2022 IR 126")),
    (b"-G", Set::Upper("ISO 2022 IR 127")),
    (b"-H", Set::Upper("ISO 2022 IR 138")),
    (b"-L", Set::Upper("ISO 2022 IR 144")),
    (b"-T", Set::Upper("ISO 2022 IR 166")),
    (b"-M", Set::Upper("ISO 2022 IR 148")),
];
