//! RLE of one frame of grey samples (PS3.5 annex G): a segment for each byte of a sample, the highest first, in runs as
//! PackBits has them. Knows no file.

use crate::error::{Refusal, RefusalCode};

/// Number of segments and the offsets of 15.
const HEADER_LEN: usize = 64;

/// The samples, bytes from the lowest to the highest.
pub(super) fn decode(frame: &[u8], pixels: usize, bytes_per_sample: usize) -> Result<Vec<u8>, Refusal> {
    let segments = segments(frame, bytes_per_sample)?;
    let mut planes: Vec<Vec<u8>> =
        segments.into_iter().map(|segment| unpacked(segment, pixels)).collect::<Result<_, _>>()?;
    match (planes.pop(), planes.pop()) {
        (Some(only), None) => Ok(only),
        (Some(low), Some(high)) => {
            Ok(low.into_iter().zip(high).flat_map(|(low, high)| [low, high]).collect())
        }
        (None, _) => Err(RefusalCode::UnsupportedBitDepth.into()),
    }
}

fn segments(frame: &[u8], expected: usize) -> Result<Vec<&[u8]>, Refusal> {
    let damaged = || Refusal::from(RefusalCode::Damaged);
    let (header, _) = frame.split_first_chunk::<HEADER_LEN>().ok_or_else(damaged)?;
    let (numbers, _) = header.as_chunks::<4>();
    let number = |at: usize| u32::from_le_bytes(numbers[at]) as usize;
    if number(0) != expected {
        return Err(RefusalCode::SizeMismatch
            .with(format!("the picture has {} bytes per sample, the header says {expected}", number(0))));
    }
    let ends = (2..=expected).map(number).chain([frame.len()]);
    let ranges = (1..=expected).map(number).zip(ends);
    ranges.map(|(begin, end)| frame.get(begin.max(HEADER_LEN)..end).ok_or_else(damaged)).collect()
}

fn unpacked(mut segment: &[u8], pixels: usize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::with_capacity(pixels.min(segment.len().saturating_mul(64)));
    // Runs beyond the picture are padding.
    let mut padding = 0;
    while let Some((&control, rest)) = segment.split_first() {
        let control = usize::from(control);
        let (run, used) = match control {
            0..128 => (rest.get(..=control).map(Run::Literal), control + 1),
            128 => (Some(Run::Literal(&[])), 0),
            _ => (rest.first().map(|byte| Run::Repeated(*byte, 257 - control)), 1),
        };
        // Odd segments end in a byte that begins nothing.
        let Some(run) = run else { break };
        segment = &rest[used..];
        let missing = pixels - bytes.len();
        let len = match run {
            Run::Literal(literal) => {
                bytes.extend_from_slice(&literal[..literal.len().min(missing)]);
                literal.len()
            }
            Run::Repeated(byte, len) => {
                bytes.resize(bytes.len() + len.min(missing), byte);
                len
            }
        };
        padding += len.saturating_sub(missing);
    }
    super::amount::check_amount("bytes of a plane", bytes.len() + padding, pixels)?;
    Ok(bytes)
}

enum Run<'a> {
    Literal(&'a [u8]),
    Repeated(u8, usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(segments: &[&[u8]]) -> Vec<u8> {
        let mut header = vec![segments.len() as u32];
        let mut offset = HEADER_LEN as u32;
        for segment in segments {
            header.push(offset);
            offset += segment.len() as u32;
        }
        header.resize(HEADER_LEN / 4, 0);
        [header.into_iter().flat_map(u32::to_le_bytes).collect(), segments.concat()].concat()
    }

    #[test]
    fn runs_are_literal_repeated_or_nothing() {
        let one = frame(&[&[2, 7, 8, 9, 0x80, 0xFE, 5, 0, 4, 0]]);
        assert_eq!(decode(&one, 7, 1).unwrap(), [7, 8, 9, 5, 5, 5, 4]);
        let two = frame(&[&[0xFF, 1], &[1, 0x34, 0x56]]);
        assert_eq!(decode(&two, 2, 2).unwrap(), [0x34, 1, 0x56, 1]);
    }

    #[test]
    fn too_few_too_many_and_other_planes_are_contradictions() {
        let code = |frame: &[u8], pixels, bytes| decode(frame, pixels, bytes).unwrap_err().code;
        let four = frame(&[&[0xFD, 1]]);
        assert_eq!(code(&four, 5, 1), RefusalCode::SizeMismatch);
        assert_eq!(code(&four, 2, 1), RefusalCode::SizeMismatch);
        assert_eq!(code(&four, 2, 2), RefusalCode::SizeMismatch);
        assert_eq!(decode(&four, 3, 1).unwrap(), [1, 1, 1]);
        assert_eq!(code(&four[..60], 4, 1), RefusalCode::Damaged);
        let mut beyond = four;
        beyond[4] = 200;
        assert_eq!(code(&beyond, 4, 1), RefusalCode::Damaged);
    }
}
