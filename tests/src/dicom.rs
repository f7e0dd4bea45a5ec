//! DICOM files with other headers than the samples have.

/// The same object in explicit VR little endian with further text elements of its main data set: group and element, value
/// representation, text. None of them may be there already.
pub fn with_elements(object: &[u8], elements: &[((u16, u16), &str, &str)]) -> Vec<u8> {
    let mut object = object.to_vec();
    for (tag, representation, text) in elements {
        let at = first_after(&object, *tag);
        let mut value = text.as_bytes().to_vec();
        value.resize(value.len().next_multiple_of(2), b' ');
        let len = u16::try_from(value.len()).unwrap();
        let mut element = [tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat();
        element.extend_from_slice(representation.as_bytes());
        element.extend_from_slice(&len.to_le_bytes());
        element.extend_from_slice(&value);
        object.splice(at..at, element);
    }
    object
}

/// Where the first element after `tag` begins.
fn first_after(object: &[u8], tag: (u16, u16)) -> usize {
    let word = |at: usize| u16::from_le_bytes([object[at], object[at + 1]]);
    // Behind preamble and prefix.
    let mut at = 132;
    while (word(at), word(at + 2)) < tag {
        let is_long = matches!(&object[at + 4..at + 6], b"OB" | b"OW" | b"SQ" | b"UN" | b"UT");
        at += if is_long {
            12 + u32::from_le_bytes(object[at + 8..at + 12].try_into().unwrap()) as usize
        } else {
            8 + usize::from(word(at + 6))
        };
    }
    at
}
