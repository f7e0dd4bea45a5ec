//! The answer to a store transaction (PS3.18, table I.2-1): which objects are stored and why the others are not, in the JSON model
//! (PS3.18, F.2) or the native model (PS3.19, A.1). Pure.

use std::fmt::Write as _;

use hilum_intake::ObjectNames;
use serde_json::{Map, Value, json};

use crate::media::Answer;
use crate::outcome::{Failure, Outcome};

/// The most that the Warning header has of reasons.
const REASONS_MAX: usize = 4;

impl Answer {
    /// Its media type.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/dicom+json",
            Self::Xml => "application/dicom+xml",
        }
    }

    /// The answer for these objects, in this form.
    pub(crate) fn write(self, outcomes: &[Outcome]) -> String {
        let answer = data_set(outcomes);
        match self {
            Self::Json => json_of(&answer).to_string(),
            Self::Xml => xml_of(&answer),
        }
    }
}

/// An element of the answer, or of an item in it.
struct Element {
    tag: &'static str,
    vr: &'static str,
    keyword: &'static str,
    value: ElementValue,
}

enum ElementValue {
    /// None.
    Empty,
    Text(String),
    Number(u16),
    Items(Vec<Vec<Element>>),
}

fn element(tag: &'static str, vr: &'static str, keyword: &'static str, value: ElementValue) -> Element {
    Element { tag, vr, keyword, value }
}

/// In the order of the tags.
fn data_set(outcomes: &[Outcome]) -> Vec<Element> {
    let (mut failed, mut stored, mut unnamed) = (Vec::new(), Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Outcome::Stored { names } => {
                let mut item: Vec<Element> = named(names).into();
                item.push(retrieve_url());
                stored.push(item);
            }
            Outcome::Failed(Failure { names: Some(names), reason, .. }) => {
                let mut item: Vec<Element> = named(names).into();
                item.push(failure_reason(*reason));
                failed.push(item);
            }
            // What can't be read has no identity that could be told.
            Outcome::Failed(Failure { names: None, reason, .. }) => {
                unnamed.push(vec![failure_reason(*reason)]);
            }
        }
    }
    let sequences = [
        ("00081198", "FailedSOPSequence", failed),
        ("00081199", "ReferencedSOPSequence", stored),
        ("0008119A", "OtherFailuresSequence", unnamed),
    ];
    let filled = sequences.into_iter().filter(|(_, _, items)| !items.is_empty());
    let sequences =
        filled.map(|(tag, keyword, items)| element(tag, "SQ", keyword, ElementValue::Items(items)));
    std::iter::once(retrieve_url()).chain(sequences).collect()
}

/// Has to stand in the answer, and has no value (type 2) where nothing can be retrieved.
fn retrieve_url() -> Element {
    element("00081190", "UR", "RetrieveURL", ElementValue::Empty)
}

fn named(names: &ObjectNames) -> [Element; 2] {
    let uid = |tag, keyword, uid: &str| element(tag, "UI", keyword, ElementValue::Text(uid.to_owned()));
    [
        uid("00081150", "ReferencedSOPClassUID", &names.sop_class),
        uid("00081155", "ReferencedSOPInstanceUID", &names.sop_instance),
    ]
}

fn failure_reason(reason: u16) -> Element {
    element("00081197", "US", "FailureReason", ElementValue::Number(reason))
}

fn json_of(elements: &[Element]) -> Value {
    let of = |Element { tag, vr, value, .. }: &Element| {
        let values = match value {
            ElementValue::Empty => return ((*tag).to_owned(), json!({ "vr": vr })),
            ElementValue::Text(text) => json!([text]),
            ElementValue::Number(number) => json!([number]),
            ElementValue::Items(items) => items.iter().map(|item| json_of(item)).collect(),
        };
        ((*tag).to_owned(), json!({ "vr": vr, "Value": values }))
    };
    Value::Object(elements.iter().map(of).collect::<Map<_, _>>())
}

fn xml_of(elements: &[Element]) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<NativeDicomModel \
         xmlns=\"http://dicom.nema.org/PS3.19/models/NativeDICOM\" xml:space=\"preserve\">",
    );
    write_xml(&mut xml, elements);
    xml.push_str("</NativeDicomModel>\n");
    xml
}

fn write_xml(xml: &mut String, elements: &[Element]) {
    for Element { tag, vr, keyword, value } in elements {
        let _ = write!(xml, "<DicomAttribute tag=\"{tag}\" vr=\"{vr}\" keyword=\"{keyword}\">");
        match value {
            ElementValue::Empty => {}
            // Identifiers are digits and dots: whoever wrote another one gets it without what XML could take for its own.
            ElementValue::Text(text) => {
                let text: String = text.chars().filter(|char| !"<>&\"'".contains(*char)).collect();
                let _ = write!(xml, "<Value number=\"1\">{text}</Value>");
            }
            ElementValue::Number(number) => {
                let _ = write!(xml, "<Value number=\"1\">{number}</Value>");
            }
            ElementValue::Items(items) => {
                for (number, item) in (1..).zip(items) {
                    let _ = write!(xml, "<Item number=\"{number}\">");
                    write_xml(xml, item);
                    xml.push_str("</Item>");
                }
            }
        }
        xml.push_str("</DicomAttribute>");
    }
}

/// What is to be said of failures in words, for the header Warning; `None` when there are none. Each reason stands there once.
pub(crate) fn warning(outcomes: &[Outcome]) -> Option<String> {
    let (mut failed, mut comments) = (0, Vec::new());
    for outcome in outcomes {
        if let Outcome::Failed(Failure { comment, .. }) = outcome {
            failed += 1;
            if !comments.contains(comment) && comments.len() < REASONS_MAX {
                comments.push(comment.clone());
            }
        }
    }
    let all = outcomes.len();
    let words =
        || format!("299 hilum \"{failed} of {all} objects were not stored: {}\"", comments.join("; "));
    (failed > 0).then(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Vec<Outcome> {
        let names = |number: u32| ObjectNames {
            sop_class: "1.2.840.10008.5.1.4.1.1.1".to_owned(),
            sop_instance: format!("1.2.{number}"),
        };
        let broken = Failure::of(0xc000, "unreadable-image", "not readable: truncated");
        vec![
            Outcome::Stored { names: names(1) },
            Outcome::Failed(Failure { names: Some(names(2)), ..broken.clone() }),
            Outcome::Failed(broken),
        ]
    }

    #[test]
    fn the_json_model_has_a_sequence_of_each_kind_that_there_is() {
        let answer: Value = serde_json::from_str(&Answer::Json.write(&outcomes())).unwrap();
        assert_eq!(
            answer,
            json!({
                "00081190": { "vr": "UR" },
                "00081198": { "vr": "SQ", "Value": [{
                    "00081150": { "vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.1"] },
                    "00081155": { "vr": "UI", "Value": ["1.2.2"] },
                    "00081197": { "vr": "US", "Value": [49152] },
                }] },
                "00081199": { "vr": "SQ", "Value": [{
                    "00081150": { "vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.1"] },
                    "00081155": { "vr": "UI", "Value": ["1.2.1"] },
                    "00081190": { "vr": "UR" },
                }] },
                "0008119A": { "vr": "SQ", "Value": [{ "00081197": { "vr": "US", "Value": [49152] } }] },
            })
        );
        let stored = Answer::Json.write(&outcomes()[..1]);
        assert!(!stored.contains("00081198") && !stored.contains("0008119A"), "{stored}");
    }

    #[test]
    fn the_native_model_says_the_same_and_lets_nothing_be_taken_for_its_own() {
        let mut outcomes = outcomes();
        let names = ObjectNames { sop_class: "1.2".to_owned(), sop_instance: "1.<Item>&\"".to_owned() };
        outcomes.push(Outcome::Stored { names });
        let xml = Answer::Xml.write(&outcomes);
        assert!(xml.contains(
            "<DicomAttribute tag=\"00081198\" vr=\"SQ\" keyword=\"FailedSOPSequence\"><Item number=\"1\">\
             <DicomAttribute tag=\"00081150\" vr=\"UI\" keyword=\"ReferencedSOPClassUID\">"
        ));
        assert!(xml.contains("keyword=\"FailureReason\"><Value number=\"1\">49152</Value>"));
        let url = "<DicomAttribute tag=\"00081190\" vr=\"UR\" keyword=\"RetrieveURL\"></DicomAttribute>";
        assert_eq!(xml.matches(url).count(), 3, "{xml}");
        assert!(xml.contains("<Item number=\"2\">") && xml.contains("1.Item</Value>"), "{xml}");
        assert_eq!(xml.matches("<Item ").count(), xml.matches("</Item>").count());
    }

    #[test]
    fn each_reason_is_said_once() {
        assert_eq!(warning(&outcomes()[..1]), None);
        assert_eq!(
            warning(&outcomes()).unwrap(),
            "299 hilum \"2 of 3 objects were not stored: not readable: truncated\""
        );
    }
}
