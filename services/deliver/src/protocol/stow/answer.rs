//! The Store Instances Response of a STOW-RS service (PS3.18, table 10.5.3-2; PS3.3, C.12.1.1.19 in older editions), in
//! JSON or XML, alone or as a part of a multipart body. Only identifiers and numbers are read.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

/// Failed SOP Sequence, and Other Failures Sequence for failures that are of no SOP instance.
const FAILED: [&str; 2] = ["00081198", "0008119A"];
/// Referenced SOP Sequence: the stored objects.
const STORED: &str = "00081199";
/// Referenced SOP Instance UID.
const INSTANCE: &str = "00081155";
/// Failure Reason, and Warning Reason of a stored object.
const REASONS: [&str; 2] = ["00081197", "00081196"];

/// An object that the answer names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct NamedInstance {
    /// Its SOP instance UID.
    pub(super) instance: Option<String>,
    /// Failure or warning reason.
    pub(super) reason: Option<u16>,
}

/// The objects that the answer names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct StoreAnswer {
    pub(super) failed: Vec<NamedInstance>,
    pub(super) stored: Vec<NamedInstance>,
}

/// Reads the body; `None` if it is no such answer.
pub(super) fn read(body: &[u8]) -> Option<StoreAnswer> {
    let text = std::str::from_utf8(body).ok()?.trim_start_matches('\u{feff}').trim();
    match text.as_bytes().first()? {
        b'{' | b'[' => json(text),
        b'<' => xml(text),
        b'-' if text.starts_with("--") => parts(text),
        _ => None,
    }
}

/// The parts of a multipart body (RFC 2046, 5.1.1): one that can be read has to be there, and none may be unreadable.
fn parts(text: &str) -> Option<StoreAnswer> {
    let boundary = text.lines().next()?.trim_end();
    let mut told = None;
    for part in text.split(boundary).skip(1).filter(|part| !part.trim().is_empty() && part.trim() != "--") {
        let (_, content) = part.split_once("\r\n\r\n").or_else(|| part.split_once("\n\n"))?;
        let content = content.trim();
        let read = if content.starts_with('<') { xml(content)? } else { json(content)? };
        let all: &mut StoreAnswer = told.get_or_insert_default();
        all.failed.extend(read.failed);
        all.stored.extend(read.stored);
    }
    told
}

fn json(text: &str) -> Option<StoreAnswer> {
    let answer: Value = serde_json::from_str(text).ok()?;
    let datasets = match &answer {
        Value::Array(datasets) => datasets.as_slice(),
        dataset => std::slice::from_ref(dataset),
    };
    let items = |tag: &str| -> Vec<NamedInstance> {
        let sequences = datasets.iter().filter_map(|dataset| dataset[tag]["Value"].as_array());
        sequences.flatten().map(named).collect()
    };
    Some(StoreAnswer { failed: FAILED.iter().flat_map(|tag| items(tag)).collect(), stored: items(STORED) })
}

fn named(item: &Value) -> NamedInstance {
    let mut named = NamedInstance::default();
    for tag in [INSTANCE].iter().chain(&REASONS) {
        match &item[tag]["Value"][0] {
            Value::String(text) => named.note(tag, text),
            Value::Number(number) => named.note(tag, &number.to_string()),
            _ => {}
        }
    }
    named
}

impl NamedInstance {
    /// Takes the value of an attribute, if it is one that counts.
    fn note(&mut self, tag: &str, value: &str) {
        let value = value.trim_matches(['\0', ' ', '\t', '\r', '\n']);
        if tag == INSTANCE {
            self.instance = Some(value.to_owned());
        } else if REASONS.contains(&tag) {
            self.reason = value.parse().ok();
        }
    }
}

/// The Native DICOM Model (PS3.19, A.1), with any prefix of its name space.
fn xml(text: &str) -> Option<StoreAnswer> {
    let mut reader = Reader::from_str(text);
    let mut told = StoreAnswer::default();
    // The attributes that are open, by their tags, and whether the model ended.
    let (mut open, mut is_whole): (Vec<String>, bool) = (Vec::new(), false);
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) => match element.local_name().as_ref() {
                b"DicomAttribute" => open.push(tag(&element)),
                b"Item" => told.begin_item(&open),
                _ => {}
            },
            Event::Empty(element) if element.local_name().as_ref() == b"Item" => told.begin_item(&open),
            Event::Empty(element) => is_whole |= element.local_name().as_ref() == b"NativeDicomModel",
            Event::End(element) => match element.local_name().as_ref() {
                b"DicomAttribute" => drop(open.pop()),
                b"NativeDicomModel" => is_whole = true,
                _ => {}
            },
            Event::Text(value) => {
                if let [sequence, attribute] = &open[..]
                    && let Some(item) = told.sequence(sequence).and_then(|items| items.last_mut())
                    && let Ok(value) = std::str::from_utf8(&value)
                    && !value.trim().is_empty()
                {
                    item.note(attribute, value);
                }
            }
            Event::Eof => return is_whole.then_some(told),
            _ => {}
        }
    }
}

/// The tag of an attribute; one without it is known by its keyword.
fn tag(element: &quick_xml::events::BytesStart<'_>) -> String {
    let value = |name: &str| {
        let found = element.try_get_attribute(name).ok().flatten()?;
        Some(String::from_utf8_lossy(&found.value).into_owned())
    };
    if let Some(tag) = value("tag") {
        return tag.to_ascii_uppercase();
    }
    let known = match value("keyword").as_deref() {
        Some("FailedSOPSequence") => FAILED[0],
        Some("OtherFailuresSequence") => FAILED[1],
        Some("ReferencedSOPSequence") => STORED,
        Some("ReferencedSOPInstanceUID") => INSTANCE,
        Some("FailureReason") => REASONS[0],
        Some("WarningReason") => REASONS[1],
        _ => "",
    };
    known.to_owned()
}

impl StoreAnswer {
    /// Begins an item within these attributes.
    fn begin_item(&mut self, open: &[String]) {
        if let [sequence] = open
            && let Some(items) = self.sequence(sequence)
        {
            items.push(NamedInstance::default());
        }
    }

    /// The list that a sequence of the answer fills.
    fn sequence(&mut self, tag: &str) -> Option<&mut Vec<NamedInstance>> {
        match tag {
            STORED => Some(&mut self.stored),
            _ if FAILED.contains(&tag) => Some(&mut self.failed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(instance: &str, reason: u16) -> NamedInstance {
        NamedInstance { instance: Some(instance.to_owned()), reason: Some(reason) }
    }

    const XML: &str = r#"<?xml version="1.0"?><NativeDicomModel><DicomAttribute tag="00081198" vr="SQ" keyword="FailedSOPSequence"><Item number="1"><DicomAttribute tag="00081155" vr="UI"><Value number="1">1.3</Value></DicomAttribute><DicomAttribute tag="00081197" vr="US"><Value number="1">272</Value></DicomAttribute></Item></DicomAttribute><DicomAttribute tag="00081199" vr="SQ"><Item number="1"><DicomAttribute tag="00081155" vr="UI"><Value number="1">1.4</Value></DicomAttribute></Item></DicomAttribute></NativeDicomModel>"#;
    const JSON: &str = r#"{"00081198":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.3"]},"00081197":{"vr":"US","Value":[272]}}]},"00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.4"]}}]}}"#;

    #[test]
    fn json_and_xml_say_the_same_however_they_are_written() {
        let stored = NamedInstance { instance: Some("1.4".to_owned()), reason: None };
        let expected = Some(StoreAnswer { failed: vec![one("1.3", 272)], stored: vec![stored] });
        let part =
            |text: &str| format!("--b\r\nContent-Type: application/dicom+xml\r\n\r\n{text}\r\n--b--\r\n");
        for body in [
            JSON.to_owned(),
            format!(" \u{feff}[{JSON}]").trim().to_owned(),
            JSON.replace("[272]", "[\"272\"]").replace("\"1.3\"", "\"1.3 \""),
            XML.to_owned(),
            format!("\u{feff}{XML}"),
            XML.replace("<Dicom", "<dcm:Dicom").replace("</Dicom", "</dcm:Dicom"),
            XML.replace(
                "<NativeDicomModel>",
                "<NativeDicomModel xmlns=\"http://dicom.nema.org/PS3.19/models/NativeDICOM\">",
            ),
            XML.replace("tag=\"00081198\" ", ""),
            XML.replace("<Value number=\"1\">", "<Value number=\"1\">\n  "),
            part(XML),
            part(JSON),
        ] {
            assert_eq!(read(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn what_can_not_be_read_to_its_end_is_no_answer() {
        for whole in [JSON, XML] {
            for length in 0..whole.len() {
                assert_eq!(read(&whole.as_bytes()[..length]), None, "{length} bytes");
            }
        }
        for other in ["ok", "<a/>", "--b\r\n\r\nok\r\n--b--", "--", "\"stored\""] {
            assert_eq!(read(other.as_bytes()).unwrap_or_default(), StoreAnswer::default(), "{other}");
        }
    }

    #[test]
    fn a_failure_without_a_name_or_a_reason_is_one() {
        let nameless =
            r#"<NativeDicomModel><DicomAttribute tag="0008119a"><Item/></DicomAttribute></NativeDicomModel>"#;
        assert_eq!(read(nameless.as_bytes()).unwrap().failed, [NamedInstance::default()]);
        assert_eq!(read(br#"{"00081198":{"Value":[{}]}}"#).unwrap().failed, [NamedInstance::default()]);
    }
}
