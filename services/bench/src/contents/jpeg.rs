//! Other JPEGs of one: the steps by which the first low frequencies are multiplied are made a little larger, which
//! changes pixels and costs a decoder nothing.

use bytes::Bytes;

use super::{Kind, Template};

/// Steps that carry the number, from the second on; the first is the brightness of whole blocks.
const STEPS: usize = 8;
/// How much a step grows at most is one less.
pub(super) const BASE: u8 = 4;

/// `None` of what is no JPEG or has no quantisation table (a lossless one).
pub(super) fn template(file: &Bytes) -> Option<Template> {
    let place = steps(file, 0)?;
    Template::around(Kind::Jpeg, file, place, BASE, 1)
}

/// Where the steps of the JPEG that begins at `start` are. `BASE` digits never overflow them.
pub(super) fn steps(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    let mut at = start + 2;
    if bytes.get(start..at)? != b"\xff\xd8" {
        return None;
    }
    // Segments up to the first scan.
    loop {
        let &[0xff, marker, high, low] = bytes.get(at..at + 4)? else { return None };
        let next = at + 2 + usize::from(u16::from_be_bytes([high, low]));
        match marker {
            0xda | 0xd9 => return None,
            0xdb => break,
            _ => at = next,
        }
    }
    // Precision and number of the table; steps of 16 bits have their low byte second.
    let is_wide = bytes.get(at + 4)? >> 4 != 0;
    if is_wide {
        return None;
    }
    let from = at + 6;
    let place = bytes.get(from..from + STEPS)?;
    place.iter().all(|step| *step <= u8::MAX - BASE).then_some((from, from + STEPS))
}
