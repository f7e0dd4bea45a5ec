//! Other lossy JPEG 2000 pictures of one: the quantisation steps of the first subbands are made a little larger,
//! which changes pixels and costs a decoder nothing. A lossless one has no steps.

/// Start of the codestream, followed by the size of the picture.
const START: &[u8] = b"\xff\x4f\xff\x51";
const QUANTISATION: u8 = 0x5c;
const FIRST_TILE: u8 = 0x90;

/// Subbands whose steps carry the number.
const STEPS: usize = 4;

/// The low bytes of the steps, two apart; they hold part of a mantissa of 11 bits. ISO 15444-1, A.6.4.
pub(super) fn steps(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let start = super::find(bytes, START, from)?;
    let mut at = start + 2;
    loop {
        let &[0xff, marker, high, low] = bytes.get(at..at + 4)? else { return None };
        let next = at + 2 + usize::from(u16::from_be_bytes([high, low]));
        match marker {
            FIRST_TILE => return None,
            // 2: a step for each subband.
            QUANTISATION if bytes.get(at + 4)? & 0x1f == 2 => {
                let steps = at + 5;
                let fits = steps + 2 * STEPS <= next;
                return fits.then_some((steps + 1, steps + 2 * STEPS));
            }
            QUANTISATION => return None,
            _ => at = next,
        }
    }
}
