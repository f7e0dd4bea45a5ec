//! DICOM data sets as they are put together here, and their bytes. Knows no report.

use dicom_core::value::{DataSetSequence, PrimitiveValue, Value};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::uids;
use dicom_object::meta::FileMetaTableBuilder;
use dicom_object::{InMemDicomObject, mem::InMemElement};

use crate::DicomError;
use crate::codes::Code;
use crate::uid;

/// The character set of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CharacterSet {
    /// That of what was copied: Specific Character Set (0008,0005), its values parted by `\\`.
    pub(crate) copied: String,
    /// Whether what was copied reads the same in UTF-8.
    pub(crate) may_be_utf8: bool,
}

/// Which characters our own words may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repertoire {
    /// All: the file is in UTF-8.
    Unicode,
    /// Those that every character set of DICOM has.
    Ascii,
}

/// A data set or an item of a sequence.
#[derive(Debug, Clone)]
pub(crate) struct DataSet(InMemDicomObject);

impl DataSet {
    pub(crate) fn new() -> Self {
        Self(InMemDicomObject::new_empty())
    }

    /// One value of text.
    pub(crate) fn text(self, tag: Tag, vr: VR, text: impl Into<String>) -> Self {
        self.put(tag, vr, PrimitiveValue::Str(text.into()))
    }

    /// Several values of text.
    pub(crate) fn texts<'a>(self, tag: Tag, vr: VR, texts: impl IntoIterator<Item = &'a str>) -> Self {
        self.put(tag, vr, PrimitiveValue::Strs(texts.into_iter().map(str::to_owned).collect()))
    }

    /// Text in the character set of the file, as it is.
    pub(crate) fn copied(self, tag: Tag, vr: VR, bytes: &[u8]) -> Self {
        let mut bytes = bytes.to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(b' ');
        }
        self.bytes(tag, vr, bytes)
    }

    /// Bytes, of an even number.
    pub(crate) fn bytes(self, tag: Tag, vr: VR, bytes: Vec<u8>) -> Self {
        self.put(tag, vr, PrimitiveValue::U8(bytes.into()))
    }

    pub(crate) fn empty(self, tag: Tag, vr: VR) -> Self {
        self.put(tag, vr, PrimitiveValue::Empty)
    }

    pub(crate) fn short(self, tag: Tag, value: u16) -> Self {
        self.put(tag, VR::US, PrimitiveValue::from(value))
    }

    pub(crate) fn long(self, tag: Tag, value: u32) -> Self {
        self.put(tag, VR::UL, PrimitiveValue::from(value))
    }

    pub(crate) fn double(self, tag: Tag, value: f64) -> Self {
        self.put(tag, VR::FD, PrimitiveValue::from(value))
    }

    /// A sequence; an empty one has no item.
    pub(crate) fn items(mut self, tag: Tag, items: impl IntoIterator<Item = Self>) -> Self {
        let items: Vec<_> = items.into_iter().map(|item| item.0).collect();
        self.0.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
        self
    }

    /// A sequence of one coded term.
    pub(crate) fn code(self, tag: Tag, code: impl Into<Code>) -> Self {
        use dicom_dictionary_std::tags;
        const SHORT_VALUE_MAX_CHARS: usize = 16;
        let Code { value, scheme, meaning } = code.into();
        let item = if value.chars().count() > SHORT_VALUE_MAX_CHARS {
            Self::new().text(tags::LONG_CODE_VALUE, VR::UC, value)
        } else {
            Self::new().text(tags::CODE_VALUE, VR::SH, value)
        };
        let item = item.text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, scheme).text(
            tags::CODE_MEANING,
            VR::LO,
            meaning,
        );
        self.items(tag, [item])
    }

    /// All elements of both.
    pub(crate) fn and(mut self, other: Self) -> Self {
        for element in other.0 {
            self.0.put(element);
        }
        self
    }

    fn put(mut self, tag: Tag, vr: VR, value: PrimitiveValue) -> Self {
        self.0.put(DataElement::new(tag, vr, value));
        self
    }

    /// The file of this SOP class and instance, explicit VR little endian.
    pub(crate) fn file(
        self,
        sop_class_uid: &str,
        sop_instance_uid: &str,
        character_set: &CharacterSet,
    ) -> Result<Vec<u8>, DicomError> {
        let meta = FileMetaTableBuilder::new()
            .media_storage_sop_class_uid(sop_class_uid)
            .media_storage_sop_instance_uid(sop_instance_uid)
            .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
            .implementation_class_uid(uid::of_implementation())
            .implementation_version_name("HILUM_1")
            .build()
            .map_err(|_| DicomError::Unwritable { what: "file meta information" })?;
        let (mut file, (data_set, repertoire)) = (Vec::new(), self.with_character_set(character_set));
        fitted(data_set.0, repertoire)
            .with_exact_meta(meta)
            .write_all(&mut file)
            .map_err(|_| DicomError::Unwritable { what: "data set" })?;
        Ok(file)
    }

    /// UTF-8 only where our words need it and it can be: not every reader knows it.
    fn with_character_set(self, character_set: &CharacterSet) -> (Self, Repertoire) {
        use dicom_dictionary_std::tags::SPECIFIC_CHARACTER_SET;
        let CharacterSet { copied, may_be_utf8 } = character_set;
        if *may_be_utf8 && !has_only_ascii(&self.0) {
            return (self.text(SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"), Repertoire::Unicode);
        }
        let data_set = match copied.as_str() {
            "" => self,
            copied => self.texts(SPECIFIC_CHARACTER_SET, VR::CS, copied.split('\\')),
        };
        (data_set, Repertoire::Ascii)
    }
}

/// Of our own words; what was copied is bytes.
fn has_only_ascii(object: &InMemDicomObject) -> bool {
    object.iter().all(|element| match element.value() {
        Value::Primitive(PrimitiveValue::Str(text)) => text.is_ascii(),
        Value::Sequence(sequence) => sequence.items().iter().all(has_only_ascii),
        _ => true,
    })
}

/// With all our words cut to what their value representations and the character set hold.
fn fitted(object: InMemDicomObject, repertoire: Repertoire) -> InMemDicomObject {
    let fitted = |element: InMemElement| {
        let (header, value) = (*element.header(), element.into_value());
        let value = match value {
            Value::Primitive(PrimitiveValue::Str(text)) => {
                Value::Primitive(PrimitiveValue::Str(words(&text, header.vr(), repertoire)))
            }
            Value::Sequence(sequence) => {
                let items = sequence.into_items().into_iter().map(|item| fitted(item, repertoire));
                Value::Sequence(DataSetSequence::from(items.collect::<Vec<_>>()))
            }
            other => other,
        };
        DataElement::new(header.tag, header.vr(), value)
    };
    InMemDicomObject::from_element_iter(object.into_iter().map(fitted))
}

/// One line: a backslash would part values, and control characters have meanings of their own.
fn words(text: &str, vr: VR, repertoire: Repertoire) -> String {
    let max_chars = match vr {
        VR::SH | VR::CS => 16,
        VR::LO => 64,
        VR::ST => 1024,
        _ => usize::MAX,
    };
    let fitting = |char: char| match char {
        '\\' => '/',
        char if char.is_control() => ' ',
        char if repertoire == Repertoire::Ascii && !char.is_ascii() => '?',
        char => char,
    };
    text.chars().take(max_chars).map(fitting).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_to_what_their_place_can_hold() {
        let words = |text: &str, vr| words(text, vr, Repertoire::Ascii);
        assert_eq!(words("a\\b\nc", VR::UT), "a/b c");
        assert_eq!(words("7 × 7", VR::LO), "7 ? 7");
        assert_eq!(words(&"x".repeat(100), VR::LO).len(), 64);
        assert_eq!(words(&"x".repeat(100), VR::SH).len(), 16);
        assert_eq!(words(&"x".repeat(100), VR::UT).len(), 100);
        assert_eq!(super::words("7 × 7", VR::LO, Repertoire::Unicode), "7 × 7");
    }
}
