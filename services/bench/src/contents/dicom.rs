//! Other DICOM objects of one: its first pixels differ if they are not compressed, else the picture within. Looks for
//! the two elements it needs and understands nothing else of the file.

use bytes::Bytes;

use super::{Kind, Template, find, jpeg, jpeg2000};

/// At byte 128 of every file.
const MAGIC: &[u8] = b"DICM";
const MAGIC_AT: usize = 128;
/// (7FE0,0010), little endian.
const PIXEL_DATA: &[u8] = b"\xe0\x7f\x10\x00";
/// (0028,0100) with and without its type, little endian, and their length of 2.
const BITS_ALLOCATED: [&[u8]; 2] = [b"\x28\x00\x00\x01US\x02\x00", b"\x28\x00\x00\x01\x02\x00\x00\x00"];
/// Length of what is cut into pieces.
const UNDEFINED: u32 = u32::MAX;
/// Pixels that carry the number.
const PIXELS: usize = 4;
/// Bytes that may follow the pixels.
const MOST_AFTER: usize = 4096;

/// `None` of what is no DICOM or has a form in which no pixel is found or may be changed.
pub(super) fn template(file: &Bytes) -> Option<Template> {
    if file.get(MAGIC_AT..MAGIC_AT + 4)? != MAGIC {
        return None;
    }
    let (start, length) = pixel_data(file)?;
    if length == UNDEFINED {
        return in_pieces(file, start);
    }
    let bytes = bytes_per_pixel(file, start)?;
    // The low byte comes first; changing only it leaves every value within its bits.
    let place = (start, start + (PIXELS - 1) * bytes + 1);
    Template::around(Kind::Dicom, file, place, 0, bytes)
}

/// Where the last element of pixels begins, and how long it says it is.
fn pixel_data(file: &[u8]) -> Option<(usize, u32)> {
    let mut from = MAGIC_AT;
    while let Some(at) = find(file, PIXEL_DATA, from) {
        let number = |at: usize| Some(u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?));
        let start = match file.get(at + 4..at + 6)? {
            b"OW" | b"OB" => at + 12,
            _ => at + 8,
        };
        let length = number(start - 4)?;
        let after = file.len().checked_sub(start + length as usize);
        if length == UNDEFINED || (length > 0 && after.is_some_and(|after| after <= MOST_AFTER)) {
            return Some((start, length));
        }
        from = at + 4;
    }
    None
}

fn bytes_per_pixel(file: &[u8], before: usize) -> Option<usize> {
    let head = file.get(..before)?;
    let at =
        BITS_ALLOCATED.iter().find_map(|element| Some(find(head, element, MAGIC_AT)? + element.len()))?;
    match head.get(at..at + 2)? {
        [8, 0] => Some(1),
        [16, 0] => Some(2),
        _ => None,
    }
}

fn in_pieces(file: &Bytes, start: usize) -> Option<Template> {
    if let Some(jpeg) = find(file, b"\xff\xd8\xff", start)
        && let Some(place) = jpeg::steps(file, jpeg)
    {
        return Template::around(Kind::DicomJpeg, file, place, jpeg::BASE, 1);
    }
    let place = jpeg2000::steps(file, start)?;
    Template::around(Kind::DicomJ2k, file, place, 16, 2)
}
