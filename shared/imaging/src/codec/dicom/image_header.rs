//! The values of a header that tell what the image shows, as they stand there. Judges nothing.

use dicom_core::value::{PrimitiveValue, Value};
use dicom_dictionary_std::tags;
use dicom_object::{InMemDicomObject, Tag};
use hilum_headers::{Concept, HeaderValue, ImageHeader};

pub(super) fn image_header(object: &InMemDicomObject) -> ImageHeader {
    let value = |tag| value(object, tag);
    let concepts = |tag| concepts(object, tag);
    ImageHeader {
        modality: value(tags::MODALITY),
        sop_class_uid: value(tags::SOP_CLASS_UID),
        presentation_intent: value(tags::PRESENTATION_INTENT_TYPE),
        body_part: value(tags::BODY_PART_EXAMINED),
        anatomic_regions: concepts(tags::ANATOMIC_REGION_SEQUENCE),
        view_position: value(tags::VIEW_POSITION),
        view_codes: concepts(tags::VIEW_CODE_SEQUENCE),
        patient_orientation: value(tags::PATIENT_ORIENTATION),
        species: value(tags::PATIENT_SPECIES_DESCRIPTION),
        species_codes: concepts(tags::PATIENT_SPECIES_CODE_SEQUENCE),
        breed: value(tags::PATIENT_BREED_DESCRIPTION),
    }
    .bounded()
}

fn value(object: &InMemDicomObject, tag: Tag) -> HeaderValue {
    let Some(element) = object.get(tag) else { return HeaderValue::Absent };
    match element.value() {
        Value::Primitive(PrimitiveValue::Empty) => HeaderValue::Absent,
        Value::Primitive(value @ (PrimitiveValue::Str(_) | PrimitiveValue::Strs(_))) => {
            HeaderValue::of(&value.to_str())
        }
        // Stored with a representation of bytes.
        Value::Primitive(PrimitiveValue::U8(bytes)) if bytes.is_ascii() => {
            HeaderValue::of(&String::from_utf8_lossy(bytes))
        }
        Value::Sequence(sequence) if sequence.items().is_empty() => HeaderValue::Absent,
        _ => HeaderValue::Unreadable,
    }
}

/// The items of a code sequence. Where something else stands there, one item that means nothing known.
fn concepts(object: &InMemDicomObject, tag: Tag) -> Vec<Concept> {
    let Some(element) = object.get(tag) else { return Vec::new() };
    let concept = |item: &InMemDicomObject| Concept {
        code: value(item, tags::CODE_VALUE),
        meaning: value(item, tags::CODE_MEANING),
    };
    match element.value() {
        Value::Sequence(sequence) => sequence.items().iter().map(concept).collect(),
        Value::Primitive(PrimitiveValue::Empty) => Vec::new(),
        _ => vec![Concept::default()],
    }
}
