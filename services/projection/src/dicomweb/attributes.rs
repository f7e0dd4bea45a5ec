//! Attributes by name and tag: which are answered at which level (PS3.18, 10.6.3), which can be searched by, and which say nothing of
//! a patient. Pure.

use dicom_core::dictionary::{DataDictionary as _, DataDictionaryEntry as _};
use dicom_dictionary_std::StandardDataDictionary;

use super::Level;

/// Attributes that say nothing of a patient, in order: identifiers, codes and numbers of how an image was made and is shown.
pub(super) const SHOWN_TO_ALL: [&str; 39] = [
    "00080008", "00080016", "00080018", "00080060", "00080068", "00180015", "00180060", "00181149",
    "00181150", "00181152", "00181164", "00185101", "0020000D", "0020000E", "00200011", "00200013",
    "00200020", "00200060", "00200062", "00280002", "00280004", "00280006", "00280008", "00280010",
    "00280011", "00280030", "00280034", "00280100", "00280101", "00280102", "00280103", "00280106",
    "00280107", "00280301", "00281050", "00281051", "00281052", "00281053", "00282110",
];

/// What a study has that its header tells: date, time, accession number, referring physician, time zone, patient, study id.
const OF_STUDY: [&str; 11] = [
    "00080020", "00080030", "00080050", "00080090", "00080201", "00081030", "00100010", "00100020",
    "00100030", "00100040", "00200010",
];
/// What a series has: time zone, description, number, and when and for what it was made.
const OF_SERIES: [&str; 6] = ["00080201", "0008103E", "00200011", "00400244", "00400245", "00400275"];
/// What an instance has: class, time zone, numbers of instance and frames, bits.
const OF_INSTANCE: [&str; 5] = ["00080016", "00080201", "00200013", "00280008", "00280100"];

/// What is answered of a header where nothing else is asked for.
pub(super) fn usual(level: Level, is_in_study: bool) -> Vec<&'static str> {
    let own: &[&str] = match level {
        Level::Study => &OF_STUDY,
        Level::Series => &OF_SERIES,
        Level::Instance => &OF_INSTANCE,
    };
    let of_study = (level != Level::Study && !is_in_study).then_some(OF_STUDY);
    own.iter().copied().chain(of_study.into_iter().flatten()).collect()
}

/// How an attribute of a header is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// A day, or from one to another.
    Dates,
    /// Text with wildcards.
    Text,
    /// A name with wildcards, in capitals or not.
    Name,
    /// Whole number.
    Number,
}

/// How a header can be searched by an attribute at a level; `None` if it can't.
pub(super) fn comparison(level: Level, tag: &str) -> Option<Comparison> {
    let (lowest, comparison) = match tag {
        "00080020" | "00100030" => (Level::Study, Comparison::Dates),
        "00100010" | "00080090" => (Level::Study, Comparison::Name),
        "00080050" | "00100020" | "00200010" | "00081030" | "00100040" => (Level::Study, Comparison::Text),
        "0008103E" | "00180015" => (Level::Series, Comparison::Text),
        "00200011" => (Level::Series, Comparison::Number),
        "00080016" => (Level::Instance, Comparison::Text),
        "00200013" => (Level::Instance, Comparison::Number),
        _ => return None,
    };
    let reach = |level: Level| level as u8;
    (reach(lowest) <= reach(level)).then_some(comparison)
}

/// The tag of an attribute that is named by its keyword or by eight hexadecimal digits.
pub(super) fn tag(name: &str) -> Option<String> {
    if name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(name.to_ascii_uppercase());
    }
    let tag = StandardDataDictionary.by_name(name)?.tag();
    Some(format!("{:04X}{:04X}", tag.group(), tag.element()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_has_no_date_text_name_or_private_tag() {
        assert!(SHOWN_TO_ALL.is_sorted());
        for tag in SHOWN_TO_ALL {
            let group = u16::from_str_radix(&tag[..4], 16).unwrap();
            let number = u16::from_str_radix(&tag[4..], 16).unwrap();
            let vr = StandardDataDictionary.by_tag(dicom_core::Tag(group, number)).unwrap().vr().relaxed();
            let harmless = ["UI", "CS", "IS", "DS", "US", "SS"];
            assert!(group % 2 == 0 && group != 0x0010 && harmless.contains(&vr.to_string()), "{tag} {vr}");
        }
    }

    #[test]
    fn attributes_are_named_by_keyword_or_tag() {
        assert_eq!(tag("PatientName").as_deref(), Some("00100010"));
        assert_eq!(tag("0020000d").as_deref(), Some("0020000D"));
        assert_eq!([tag("NoSuchThing"), tag(""), tag("0020000")], [None, None, None]);
    }

    #[test]
    fn what_is_of_an_instance_does_not_tell_studies() {
        assert_eq!(comparison(Level::Study, "00200013"), None);
        assert_eq!(comparison(Level::Instance, "00100020"), Some(Comparison::Text));
        assert_eq!(comparison(Level::Instance, "00081140"), None);
    }
}
