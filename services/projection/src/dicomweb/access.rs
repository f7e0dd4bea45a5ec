//! What whoever asks may see. Rights of persons do not exist yet; until then the operator decides for all, and this is the only
//! place that says what follows. Pure.

use serde_json::Value;

use super::DataSet;
use super::attributes::SHOWN_TO_ALL;

/// What DICOMweb hands out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Access {
    /// Nothing
    #[default]
    Off,
    /// Identifiers, attributes that say nothing of the patient, and rendered pictures
    Identifiers,
    /// Everything that is held, patients' names included
    Full,
}

/// Why something is not handed out, in words for whoever asked.
pub const OBJECTS_WITHHELD: &str = "objects and their stored frames name patients, and this Hilum hands out identifiers and rendered pictures only; the operator \
     can allow more with HILUM_DICOMWEB_READ=full (`hilum up --dicomweb-read full`)";
/// Of a search.
pub const SEARCH_WITHHELD: &str = "this Hilum does not say which studies are of a patient, so it is searched by UIDs and modalities only; the operator can allow \
     more with HILUM_DICOMWEB_READ=full (`hilum up --dicomweb-read full`)";
/// Of a picture.
pub const BURNED_IN_WITHHELD: &str = "the header says that text is burned into this picture, which may name the patient, or can't be read; the operator can allow it \
     with HILUM_DICOMWEB_READ=full (`hilum up --dicomweb-read full`)";

impl Access {
    /// Whether anything is answered.
    pub fn is_on(self) -> bool {
        self != Self::Off
    }

    /// Whether objects, and frames as they are stored, are handed out: a codestream can carry comments.
    pub fn hands_out_objects(self) -> bool {
        self == Self::Full
    }

    /// Whether attributes of headers can be searched by.
    pub fn searches_headers(self) -> bool {
        self == Self::Full
    }

    /// Whether an attribute can be shown at all.
    pub fn shows(self, tag: &str) -> bool {
        match self {
            Self::Off => false,
            Self::Identifiers => SHOWN_TO_ALL.binary_search(&tag).is_ok(),
            Self::Full => true,
        }
    }

    /// What may be shown of a header.
    pub fn shown(self, header: DataSet) -> DataSet {
        match self {
            Self::Off => DataSet::new(),
            Self::Full => header,
            Self::Identifiers => {
                let is_shown = |tag: &String, attribute: &Value| self.shows(tag) && says_nobody(attribute);
                header.into_iter().filter(|(tag, attribute)| is_shown(tag, attribute)).collect()
            }
        }
    }

    /// Whether the picture of an object with this header can be shown; `None` for one that can't be read.
    pub fn shows_picture(self, header: Option<&DataSet>) -> bool {
        let is_clean =
            |header: &DataSet| header.get("00280301").is_none_or(|burned| burned["Value"][0] != "YES");
        match self {
            Self::Off => false,
            Self::Full => true,
            Self::Identifiers => header.is_some_and(is_clean),
        }
    }
}

/// Whether an attribute has the form of what it should be: numbers, UIDs and codes. A careless device writes a name anywhere.
fn says_nobody(attribute: &Value) -> bool {
    let is_uid =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && text.len() <= 64;
    let is_code = |text: &str| {
        let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        text.len() <= 16 && text.bytes().all(is_plain)
    };
    let fits = |value: &Value| match (attribute["vr"].as_str(), value) {
        (_, Value::Null) => true,
        (Some("UI"), Value::String(text)) => is_uid(text),
        (Some("CS"), Value::String(text)) => is_code(text),
        (Some("DS" | "IS" | "US" | "SS" | "UL" | "SL" | "FL" | "FD"), Value::Number(_)) => true,
        _ => false,
    };
    let is_plain = attribute.as_object().is_some_and(|it| it.keys().all(|key| key == "vr" || key == "Value"));
    is_plain
        && attribute.get("Value").is_none_or(|values| values.as_array().is_some_and(|it| it.iter().all(fits)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn header(attributes: Value) -> DataSet {
        attributes.as_object().unwrap().clone()
    }

    #[test]
    fn identifiers_are_numbers_uids_and_codes_of_a_list_and_nothing_else() {
        let shown = |attributes: Value| Value::from(Access::Identifiers.shown(header(attributes)));
        let harmless = json!({
            "00080018": {"vr": "UI", "Value": ["1.2.3"]},
            "00080060": {"vr": "CS", "Value": ["CR"]},
            "00200013": {"vr": "IS", "Value": [7]},
            "00280030": {"vr": "DS", "Value": [0.1, null]},
            "00185101": {"vr": "CS"},
        });
        assert_eq!(shown(harmless.clone()), harmless);
        for (tag, vr, value) in [
            ("00100010", "PN", json!({"Alphabetic": "Doe^Jane"})),
            ("00100020", "LO", json!("4711")),
            ("00080050", "SH", json!("A1")),
            ("00080020", "DA", json!("20260101")),
            ("00081030", "LO", json!("Doe chest")),
            ("00291001", "CS", json!("DOE")),
            // The tag is on the list, and what it holds is not what it should be.
            ("00080060", "CS", json!("DOE JANE")),
            ("00080060", "LO", json!("CR")),
            ("00080018", "UI", json!("Doe^Jane")),
            ("00200013", "IS", json!("4711 Doe")),
            ("00280030", "SQ", json!({})),
        ] {
            assert_eq!(shown(json!({tag: {"vr": vr, "Value": [value]}})), json!({}), "{tag} {vr}");
        }
        assert_eq!(shown(json!({"00280010": {"vr": "US", "InlineBinary": "RG9l"}})), json!({}));
    }

    #[test]
    fn full_shows_all_and_off_nothing() {
        let patient = header(json!({"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]}}));
        assert_eq!(Access::Full.shown(patient.clone()), patient);
        assert_eq!(Access::Off.shown(patient), DataSet::new());
        assert!(!Access::Off.is_on() && Access::default() == Access::Off);
        assert!(!Access::Identifiers.hands_out_objects() && !Access::Identifiers.searches_headers());
    }

    #[test]
    fn a_picture_with_burned_in_text_is_shown_where_patients_are() {
        let said = |word: &str| header(json!({"00280301": {"vr": "CS", "Value": [word]}}));
        let shows = |header: Option<DataSet>| Access::Identifiers.shows_picture(header.as_ref());
        assert!(shows(Some(said("NO"))) && shows(Some(DataSet::new())));
        assert!(!shows(Some(said("YES"))) && !shows(None));
        assert!(Access::Full.shows_picture(None) && !Access::Off.shows_picture(Some(&said("NO"))));
    }
}
