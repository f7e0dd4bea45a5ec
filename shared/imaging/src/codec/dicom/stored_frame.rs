//! The only frame of an object as it is stored, for viewers that decode by themselves. Undoes no compression.

use dicom_core::value::{PrimitiveValue, Value};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::amount::check_amount;
use super::frame::codestream;
use super::header::{Encoding, Header};
use crate::error::{Refusal, RefusalCode};
use crate::picture::StoredFrame;

/// The codestream, or the samples in little endian without padding.
pub(super) fn stored_frame(mut object: InMemDicomObject, header: &Header) -> Result<StoredFrame, Refusal> {
    if header.encoding != Encoding::Native {
        return Ok(StoredFrame { bytes: codestream(&object)?.into_owned(), is_encapsulated: true });
    }
    let mut bytes = match object.take(tags::PIXEL_DATA).map(|element| element.into_value()) {
        Some(Value::Primitive(PrimitiveValue::U8(bytes))) => bytes.into_vec(),
        Some(Value::Primitive(PrimitiveValue::U16(words))) => {
            words.iter().flat_map(|word| word.to_le_bytes()).collect()
        }
        _ => return Err(RefusalCode::Damaged.with("the pixel data is not uncompressed".into())),
    };
    let needed = header.pixels() * header.bits_allocated as usize / 8;
    check_amount("bytes of pixel data", bytes.len(), needed)?;
    bytes.truncate(needed);
    Ok(StoredFrame { bytes, is_encapsulated: false })
}
