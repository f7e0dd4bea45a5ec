//! The elements of a data set as an object of dicom-rs. What an element holds follows from what it is: the dictionary's
//! representation is taken where a writer did not know any (UN, OB and the like). Private elements are left out.

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_core::header::{Header as _, Length};
use dicom_core::value::{DataSetSequence, PixelFragmentSequence, PrimitiveValue, Value};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use dicom_encoding::text::{SpecificCharacterSet, TextCodec as _};
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;

use super::elements::{Content, Element, Elements, Fault};
use super::file::{self, File, Part, holds_pixels};
use super::syntax::{DELIMITERS, Syntax};
use crate::error::{Refusal, RefusalCode};

/// How many sequences within each other are looked into.
const SEQUENCES_LOOKED_INTO: usize = 4;

/// What the file says, up to the end or the beginning of its pixel data.
pub(super) fn object(file: &File<'_>) -> Result<InMemDicomObject, Refusal> {
    let mut elements = file.elements();
    let mut object = InMemDicomObject::new_empty();
    let mut context = Context::default();
    loop {
        let tag = elements.next_tag();
        let is_end = tag.is_some_and(|tag| tag > tags::PIXEL_DATA && tag.group() != DELIMITERS);
        if is_end || (tag == Some(tags::PIXEL_DATA) && file.part() == Part::Head) {
            break;
        }
        let Some(element) = elements.next().map_err(|fault| file.refusal(fault))? else { break };
        let tag = element.tag;
        if let Some(element) = context.element(element, 0) {
            put(&mut object, element)?;
        }
        if tag == tags::PIXEL_DATA {
            return Ok(object);
        }
        context.learn(&object, tag);
    }
    match file.part() {
        Part::Head if elements.rest().is_empty() => {
            Err(file.refusal(Fault::EndsEarly { found: 0, announced: 8, after: &[] }))
        }
        // The road went past it.
        Part::Whole if holds_pixels(elements.rest()) => Err(file::not_as_declared()),
        Part::Head | Part::Whole => Ok(object),
    }
}

/// Adds an element. One that stands there twice with different values is a fault: neither can be believed.
fn put(object: &mut InMemDicomObject, element: InMemElement) -> Result<(), Refusal> {
    let tag = element.tag();
    let differs = object.get(tag).is_some_and(|other| other.value() != element.value());
    if differs {
        let Tag(group, number) = tag;
        return Err(
            RefusalCode::Damaged.with(format!("two values of the element ({group:04X},{number:04X})"))
        );
    }
    object.put(element);
    Ok(())
}

/// What earlier elements say about those that follow.
struct Context {
    /// Whether pixels are.
    signed: bool,
    character_set: SpecificCharacterSet,
}

impl Default for Context {
    fn default() -> Self {
        Self { signed: false, character_set: SpecificCharacterSet::ISO_IR_6 }
    }
}

impl Context {
    fn learn(&mut self, object: &InMemDicomObject, tag: Tag) {
        let Some(element) = object.get(tag) else { return };
        if tag == tags::PIXEL_REPRESENTATION {
            self.signed = element.to_int::<u16>().is_ok_and(|representation| representation != 0);
        } else if tag == tags::SPECIFIC_CHARACTER_SET
            && let Ok(names) = element.to_str()
            && let Some(set) = SpecificCharacterSet::from_code(names.split('\\').next().unwrap_or_default())
        {
            self.character_set = set;
        }
    }

    /// The element as one of dicom-rs; `None` if nobody looks for it.
    fn element(&self, element: Element<'_>, depth: usize) -> Option<InMemElement> {
        let Element { tag, vr, syntax, value } = element;
        let known = StandardDataDictionary.by_tag(tag)?.vr();
        let is_private = tag.group() % 2 == 1;
        if is_private || tag.group() == DELIMITERS {
            return None;
        }
        let vr = representation(tag, vr, known, self.signed);
        let value: Value<_, _> = match value {
            Content::Fragments(fragments) => {
                let fragments: Vec<Vec<u8>> = fragments.into_iter().map(<[u8]>::to_vec).collect();
                PixelFragmentSequence::new(Vec::new(), fragments).into()
            }
            Content::Bytes(bytes) if vr == VR::SQ => self.sequence(bytes, syntax, depth)?,
            Content::Items(bytes) => self.sequence(bytes, syntax, depth)?,
            Content::Bytes(bytes) => self.primitive(bytes, vr, syntax).into(),
        };
        Some(DataElement::new(tag, vr, value))
    }

    /// The items of a sequence; `None` for bytes that are none, which are not taken for an empty one.
    fn sequence(
        &self,
        bytes: &[u8],
        syntax: Syntax,
        depth: usize,
    ) -> Option<Value<InMemDicomObject, dicom_object::mem::InMemFragment>> {
        if depth == SEQUENCES_LOOKED_INTO {
            return None;
        }
        let items = Elements::of_items(bytes, syntax).and_then(|items| {
            items.into_iter().map(|item| self.item(item, depth + 1)).collect::<Result<Vec<_>, _>>()
        });
        Some(match items {
            Ok(items) => DataSetSequence::new(items, Length::UNDEFINED).into(),
            Err(_) => PrimitiveValue::from(UNREADABLE).into(),
        })
    }

    fn item<'a>(&self, mut elements: Elements<'a>, depth: usize) -> Result<InMemDicomObject, Fault<'a>> {
        let mut object = InMemDicomObject::new_empty();
        while let Some(element) = elements.next()? {
            if let Some(element) = self.element(element, depth) {
                object.put(element);
            }
        }
        Ok(object)
    }

    fn primitive(&self, bytes: &[u8], vr: VR, syntax: Syntax) -> PrimitiveValue {
        if bytes.is_empty() {
            return PrimitiveValue::Empty;
        }
        let big = syntax.big_endian;
        match vr {
            VR::OB | VR::UN => PrimitiveValue::U8(bytes.into()),
            // An odd length of words are bytes that were not padded.
            VR::OW if !big && bytes.len() % 2 == 1 => PrimitiveValue::U8(bytes.into()),
            VR::US | VR::OW => {
                numbers(bytes, big, u16::from_le_bytes, u16::from_be_bytes, PrimitiveValue::U16)
            }
            VR::SS => numbers(bytes, big, i16::from_le_bytes, i16::from_be_bytes, PrimitiveValue::I16),
            VR::UL | VR::OL => {
                numbers(bytes, big, u32::from_le_bytes, u32::from_be_bytes, PrimitiveValue::U32)
            }
            VR::SL => numbers(bytes, big, i32::from_le_bytes, i32::from_be_bytes, PrimitiveValue::I32),
            VR::UV | VR::OV => {
                numbers(bytes, big, u64::from_le_bytes, u64::from_be_bytes, PrimitiveValue::U64)
            }
            VR::SV => numbers(bytes, big, i64::from_le_bytes, i64::from_be_bytes, PrimitiveValue::I64),
            VR::FL | VR::OF => {
                numbers(bytes, big, f32::from_le_bytes, f32::from_be_bytes, PrimitiveValue::F32)
            }
            VR::FD | VR::OD => {
                numbers(bytes, big, f64::from_le_bytes, f64::from_be_bytes, PrimitiveValue::F64)
            }
            VR::AT => PrimitiveValue::U8(bytes.into()),
            _ => self.text(bytes, vr),
        }
    }

    fn text(&self, bytes: &[u8], vr: VR) -> PrimitiveValue {
        let text = match self.character_set.decode(bytes) {
            Ok(text) => text,
            Err(_) => String::from_utf8_lossy(bytes).into_owned(),
        };
        if matches!(vr, VR::LT | VR::ST | VR::UT | VR::UR) {
            return PrimitiveValue::Str(text);
        }
        let values: Vec<String> =
            text.split('\\').map(|value| value.trim_matches([' ', '\0']).to_owned()).collect();
        PrimitiveValue::Strs(values.into())
    }
}

/// Stands for a value that lacks the form of its representation: neither a number nor absent.
const UNREADABLE: &str = "?";

/// The dictionary's representation where the file's tells nothing: it is unknown, or one for bytes of any kind.
fn representation(tag: Tag, declared: Option<VR>, known: VirtualVr, signed: bool) -> VR {
    let expected = match known {
        VirtualVr::Xs if signed => VR::SS,
        known => known.relaxed(),
    };
    let is_binary = |vr| matches!(vr, VR::OB | VR::OW);
    match declared {
        Some(VR::UN) if tag == tags::PIXEL_DATA => VR::UN,
        None | Some(VR::UN) => expected,
        Some(declared) if is_binary(declared) && !is_binary(expected) => expected,
        Some(declared) => declared,
    }
}

/// Whole numbers, or what can't be taken for any.
fn numbers<T, const N: usize>(
    bytes: &[u8],
    big_endian: bool,
    little: impl Fn([u8; N]) -> T,
    big: impl Fn([u8; N]) -> T,
    value: impl Fn(dicom_core::value::C<T>) -> PrimitiveValue,
) -> PrimitiveValue {
    let (whole, []) = bytes.as_chunks::<N>() else { return PrimitiveValue::from(UNREADABLE) };
    let numbers: Vec<T> =
        whole.iter().map(|bytes| if big_endian { big(*bytes) } else { little(*bytes) }).collect();
    value(numbers.into())
}
