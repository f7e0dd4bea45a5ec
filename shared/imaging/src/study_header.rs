//! Which patient and which study a DICOM object belongs to, as bytes of the file: for objects that are to stand beside it
//! in an archive, and for nothing else. Nothing here may enter an event, log, metric, row or error; `Debug` shows none.

use std::fmt;

use hilum_events::Sha256Digest;
use serde::{Deserialize, Serialize};

use crate::character_set::read;

/// The longest value that is taken over, bytes. The standard allows 64 characters, in a name three times as many.
const TEXT_MAX_BYTES: usize = 1024;

/// What is copied from an image to an object that is derived from it. Absent values are empty.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StudyHeader {
    /// Of the data set and its transfer syntax, without what stands in front of it in a file: two files of which it is the same
    /// are one object that came in two ways.
    pub data_set_sha256: Option<Sha256Digest>,
    /// Specific Character Set (0008,0005): how the [`HeaderText`]s are to be read.
    pub specific_character_set: String,
    /// SOP Class UID (0008,0016).
    pub sop_class_uid: String,
    /// SOP Instance UID (0008,0018).
    pub sop_instance_uid: String,
    /// Study Instance UID (0020,000D).
    pub study_instance_uid: String,
    /// Series Instance UID (0020,000E).
    pub series_instance_uid: String,
    /// Timezone Offset From UTC (0008,0201), such as `+0900`.
    pub timezone_offset_from_utc: String,
    /// Study Date (0008,0020), `YYYYMMDD`.
    pub study_date: String,
    /// Study Time (0008,0030), `HHMMSS.FFFFFF`.
    pub study_time: String,
    /// Patient's Birth Date (0010,0030), `YYYYMMDD`.
    pub patient_birth_date: String,
    /// Patient's Sex (0010,0040).
    pub patient_sex: String,
    /// Patient's Name (0010,0010).
    pub patient_name: HeaderText,
    /// Patient ID (0010,0020).
    pub patient_id: HeaderText,
    /// Issuer of Patient ID (0010,0021).
    pub issuer_of_patient_id: HeaderText,
    /// Accession Number (0008,0050).
    pub accession_number: HeaderText,
    /// Study ID (0020,0010).
    pub study_id: HeaderText,
    /// Referring Physician's Name (0008,0090).
    pub referring_physician_name: HeaderText,
    /// Study Description (0008,1030).
    pub study_description: HeaderText,
}

/// Text in the character set of its file, without padding: one line of at most 1024 bytes.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderText(Vec<u8>);

impl HeaderText {
    /// Empty if `bytes` are too long or hold what no line of text does: a cut name or number is another one.
    pub fn new(bytes: &[u8]) -> Self {
        const ESCAPE: u8 = 0x1B;
        let bytes = bytes.trim_ascii_start();
        let end = bytes.iter().rposition(|byte| !b" \0".contains(byte)).map_or(0, |last| last + 1);
        let bytes = &bytes[..end];
        // Every character set of the standard keeps line ends, tabs and NUL to themselves.
        let is_line = bytes.iter().all(|byte| *byte >= b' ' || *byte == ESCAPE);
        Self(if bytes.len() <= TEXT_MAX_BYTES && is_line { bytes.to_vec() } else { Vec::new() })
    }

    /// The bytes, in the character set of the file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the file has no such text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text in Unicode, where `character_set` says beyond doubt which it is: `None` if the set is not known, a byte is
    /// none of its characters, or bytes of a Latin set are UTF-8, as of a device that sets the wrong one. A text with a
    /// backslash is several values, or has a sign that some sets have in its place.
    pub fn in_unicode(&self, character_set: &str) -> Option<String> {
        const LATIN: [&str; 5] = ["100", "101", "109", "110", "148"];
        let first = character_set.split('\\').next().unwrap_or_default().trim();
        let is_utf8 = !self.0.is_ascii() && str::from_utf8(&self.0).is_ok();
        if is_utf8 && LATIN.iter().any(|number| first.ends_with(number)) {
            return None;
        }
        let is_plain = |char: char| !char.is_control() && !"\\\u{fffd}".contains(char);
        read(&self.0, character_set).filter(|text| text.chars().all(is_plain))
    }
}

impl fmt::Debug for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderText(..)")
    }
}

impl fmt::Debug for StudyHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StudyHeader").finish_non_exhaustive()
    }
}

impl StudyHeader {
    /// The header without values that lack the form they must have; `None` if one of the four UIDs lacks it. The parent checks
    /// this again, because a file may have taken over the decoder process.
    pub(crate) fn sound(self) -> Option<Self> {
        let uids = [
            &self.sop_class_uid,
            &self.sop_instance_uid,
            &self.study_instance_uid,
            &self.series_instance_uid,
        ];
        if !uids.into_iter().all(|uid| is_uid(uid)) {
            return None;
        }
        let text = |text: HeaderText| HeaderText::new(text.as_bytes());
        Some(Self {
            specific_character_set: kept(self.specific_character_set, is_character_set),
            timezone_offset_from_utc: kept(self.timezone_offset_from_utc, is_offset),
            study_date: kept(self.study_date, is_date),
            study_time: kept(self.study_time, is_time),
            patient_birth_date: kept(day(&self.patient_birth_date), is_date),
            patient_sex: kept(self.patient_sex.to_ascii_uppercase(), |sex| sex.len() == 1 && is_code(sex)),
            patient_name: text(self.patient_name),
            patient_id: text(self.patient_id),
            issuer_of_patient_id: text(self.issuer_of_patient_id),
            accession_number: text(self.accession_number),
            study_id: text(self.study_id),
            referring_physician_name: text(self.referring_physician_name),
            study_description: text(self.study_description),
            ..self
        })
    }
}

fn kept(text: String, has_form: impl Fn(&str) -> bool) -> String {
    if has_form(&text) { text } else { String::new() }
}

/// A date as earlier editions and some devices write it, such as `1950.01.01`.
fn day(text: &str) -> String {
    text.chars().filter(|char| !".-/".contains(*char)).collect()
}

fn is_uid(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn is_code(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"_ ".contains(&byte))
}

/// Up to the eight values that the standard has for one file.
fn is_character_set(text: &str) -> bool {
    text.len() <= 136 && text.split('\\').all(|term| term.len() <= 16 && is_code(term))
}

fn is_date(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_time(text: &str) -> bool {
    (2..=14).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn is_offset(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let hhmm = digits.and_then(|digits| digits.parse::<u16>().ok());
    text.len() == 5 && hhmm.is_some_and(|hhmm| hhmm <= 1400 && hhmm % 100 < 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_without_its_padding() {
        assert_eq!(HeaderText::new(b" Doe^Jane \0").as_bytes(), b"Doe^Jane");
        assert_eq!(HeaderText::new(b"\x1b$)C\xb1\xe8").as_bytes(), b"\x1b$)C\xb1\xe8");
        for bad in [&b"two\r\nlines"[..], b"a\0b", &[b'x'; TEXT_MAX_BYTES + 1]] {
            assert!(HeaderText::new(bad).is_empty());
        }
        assert_eq!(HeaderText::new(&[b'x'; TEXT_MAX_BYTES]).as_bytes().len(), TEXT_MAX_BYTES);
    }

    #[test]
    fn a_text_is_read_where_its_set_says_beyond_doubt_which_it_is() {
        for (set, bytes, text) in [
            ("", &b"Doe^Jane"[..], Some("Doe^Jane")),
            ("ISO_IR 100", b"M\xfcller^J\xf6rg", Some("Müller^Jörg")),
            ("ISO_IR 192", "홍^길동".as_bytes(), Some("홍^길동")),
            (
                "\\ISO 2022 IR 149",
                b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
                Some("Hong^Gildong=洪^吉洞=홍^길동"),
            ),
            ("", b"M\xfcller", None),
            ("ISO_IR 999", b"M\xfcller", None),
            ("ISO_IR 100", "Müller".as_bytes(), None),
            ("ISO_IR 100", b"M\x81ller", None),
            ("ISO_IR 192", b"M\xfcller", None),
            ("\\ISO 2022 IR 149", b"\xc8\xab", None),
            ("ISO 2022 IR 149", b"\xc8", None),
            ("", b"Doe\\Jane", None),
            ("ISO 2022 IR 149", b"\x1b$)Z\xc8\xab", None),
        ] {
            assert_eq!(HeaderText::new(bytes).in_unicode(set).as_deref(), text, "{set}: {bytes:?}");
        }
    }

    #[test]
    fn dates_times_and_offsets_have_the_form_of_the_standard() {
        assert_eq!(day("1950.01.01"), "19500101");
        assert!(is_date("20260101") && !is_date("2026.01.01") && !is_date(""));
        assert!(is_time("14") && is_time("143000.123456") && !is_time("14:30") && !is_time("1"));
        assert!(is_offset("+0900") && is_offset("-0330") && is_offset("+0000"));
        assert!(!is_offset("0900") && !is_offset("+0990") && !is_offset("+1500") && !is_offset("++900"));
        assert!(is_character_set("") && is_character_set("\\ISO 2022 IR 149") && is_character_set("GB18030"));
        assert!(!is_character_set("Doe^Jane"));
    }
}
