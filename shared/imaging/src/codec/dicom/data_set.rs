//! A data set in the DICOM JSON model (PS3.18, F.2), for whoever asks for metadata. It names a patient. Pixel data, group lengths and
//! long binary values are left out; text is Unicode. Knows no pixels.

mod values;

use dicom_core::dictionary::{DataDictionary as _, DataDictionaryEntry as _, VirtualVr};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use serde_json::{Map, Value, json};

use super::elements::{Content, Element, Elements, Fault};
use super::file::{File, Part};
use super::syntax::{DELIMITERS, Syntax};
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;

/// The longest binary value that stands in the answer, bytes.
const INLINE_MAX_BYTES: usize = 1024;
/// Sequences within each other: what reads the answer follows no more than 128 brackets, of which each has three.
const SEQUENCES_MAX: usize = 32;
/// What an element takes besides its value, at most: tag, representation and brackets.
const ELEMENT_BYTES: u64 = 48;
/// The character set of what is answered.
const UNICODE: &str = "ISO_IR 192";
/// Group of pixel data in its three forms.
const PIXELS: u16 = 0x7FE0;

/// The data set of an object whose pixels need not be readable, in at most `max_bytes`.
pub(in crate::codec) fn data_set(bytes: &[u8], limits: &Limits, max_bytes: u64) -> Result<Vec<u8>, Refusal> {
    let file = File::open(bytes, Part::Whole, limits)?;
    let mut writer = Writer { left: max_bytes };
    let data_set = writer.items_of(file.elements(), Context::default(), 0).map_err(|stop| match stop {
        Stop::Fault(fault) => file.refusal(fault),
        Stop::Refused(refusal) => refusal,
    })?;
    let json = serde_json::to_vec(&data_set).map_err(|_| RefusalCode::Damaged)?;
    if json.len() as u64 > max_bytes { Err(too_long()) } else { Ok(json) }
}

fn too_long() -> Refusal {
    RefusalCode::FileTooLarge.with("its header is longer than is answered".into())
}

/// Why a data set is not written to its end.
enum Stop<'a> {
    Fault(Fault<'a>),
    Refused(Refusal),
}

impl<'a> From<Fault<'a>> for Stop<'a> {
    fn from(fault: Fault<'a>) -> Self {
        Self::Fault(fault)
    }
}

/// What earlier elements say about those that follow, also within sequences.
#[derive(Clone, Default)]
struct Context {
    /// Whether pixels are.
    signed: bool,
    character_set: String,
}

/// Writes as long as there is room.
struct Writer {
    /// Bytes.
    left: u64,
}

impl Writer {
    /// Everything is paid for before it is allocated.
    fn pay<'a>(&mut self, bytes: usize) -> Result<(), Stop<'a>> {
        let left = self.left.checked_sub(ELEMENT_BYTES + bytes as u64);
        self.left = left.ok_or_else(|| Stop::Refused(too_long()))?;
        Ok(())
    }

    fn items_of<'a>(
        &mut self,
        mut elements: Elements<'a>,
        mut context: Context,
        depth: usize,
    ) -> Result<Map<String, Value>, Stop<'a>> {
        let (mut found, mut is_past_pixels) = (Map::new(), false);
        loop {
            let element = match elements.next() {
                Ok(Some(element)) => element,
                Ok(None) => return Ok(found),
                // What stands behind the pixels is looked at by nobody else: an object that is read may end in anything.
                Err(_) if is_past_pixels => return Ok(found),
                Err(fault) => return Err(fault.into()),
            };
            let tag = element.tag;
            is_past_pixels |= tag.group() == PIXELS;
            if matches!(tag.group(), DELIMITERS | PIXELS) || tag.element() == 0 {
                continue;
            }
            context.learn(&element);
            let Some(attribute) = self.attribute(element, &context, depth)? else { continue };
            // Of the answer, not of the file (PS3.18, F.2.1.1).
            let is_character_set = tag == tags::SPECIFIC_CHARACTER_SET && attribute.get("Value").is_some();
            let attribute =
                if is_character_set { json!({"vr": "CS", "Value": [UNICODE]}) } else { attribute };
            let Tag(group, number) = tag;
            let key = format!("{group:04X}{number:04X}");
            if found.get(&key).is_some_and(|other| *other != attribute) {
                let twice = format!("two values of the element ({group:04X},{number:04X})");
                return Err(Stop::Refused(RefusalCode::Damaged.with(twice)));
            }
            found.insert(key, attribute);
        }
    }

    /// `None` for what is left out.
    fn attribute<'a>(
        &mut self,
        element: Element<'a>,
        context: &Context,
        depth: usize,
    ) -> Result<Option<Value>, Stop<'a>> {
        let Element { tag, vr, syntax, value } = element;
        let vr = representation(tag, vr, context.signed);
        match value {
            Content::Fragments(_) => Ok(None),
            Content::Items(items) => self.sequence(items, syntax, context, depth).map(Some),
            Content::Bytes(items) if vr == VR::SQ => self.sequence(items, syntax, context, depth).map(Some),
            Content::Bytes(bytes) if values::is_binary(vr) && bytes.len() > INLINE_MAX_BYTES => Ok(None),
            Content::Bytes(bytes) => {
                self.pay(bytes.len())?;
                let mut attribute = Map::from_iter([("vr".to_owned(), json!(vr.to_string()))]);
                let (key, value) = values::of(bytes, vr, syntax, &context.character_set);
                value.map(|value| attribute.insert(key.to_owned(), value));
                Ok(Some(attribute.into()))
            }
        }
    }

    fn sequence<'a>(
        &mut self,
        items: &'a [u8],
        syntax: Syntax,
        context: &Context,
        depth: usize,
    ) -> Result<Value, Stop<'a>> {
        self.pay(0)?;
        if depth == SEQUENCES_MAX {
            return Err(Fault::TooDeep.into());
        }
        let mut found = Vec::new();
        for item in Elements::of_items(items, syntax)? {
            self.pay(0)?;
            found.push(Value::from(self.items_of(item, context.clone(), depth + 1)?));
        }
        Ok(if found.is_empty() { json!({"vr": "SQ"}) } else { json!({"vr": "SQ", "Value": found}) })
    }
}

impl Context {
    fn learn(&mut self, element: &Element<'_>) {
        let Content::Bytes(bytes) = element.value else { return };
        if element.tag == tags::PIXEL_REPRESENTATION {
            self.signed = bytes.iter().any(|byte| *byte != 0);
        } else if element.tag == tags::SPECIFIC_CHARACTER_SET {
            self.character_set = String::from_utf8_lossy(bytes).trim_end_matches([' ', '\0']).to_owned();
        }
    }
}

/// The dictionary's representation where the file has none or an unknown one.
fn representation(tag: Tag, declared: Option<VR>, signed: bool) -> VR {
    if let Some(declared) = declared.filter(|vr| *vr != VR::UN) {
        return declared;
    }
    if tag.group() % 2 == 1 {
        return if (0x10..0x100).contains(&tag.element()) { VR::LO } else { VR::UN };
    }
    match StandardDataDictionary.by_tag(tag).map(|entry| entry.vr()) {
        None => VR::UN,
        Some(VirtualVr::Xs) if signed => VR::SS,
        Some(known) => known.relaxed(),
    }
}

#[cfg(test)]
mod tests;
