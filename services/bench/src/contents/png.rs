//! Other PNGs of one: everything but the last row of pixels is compressed once, in the way the file says it was; the
//! last row follows as a block and a chunk of its own, which is all that has to be made anew.

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status};

use super::{Kind, Patch, Template, add_digits};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Largest picture that is held, bytes.
const MOST_BYTES: usize = 1 << 28;
/// Pixels at the end of the last row that carry the number.
const PIXELS: usize = 4;

/// The last row, as it was filtered, and the check sum of all before it.
#[derive(Debug)]
pub(super) struct LastRow {
    row: Vec<u8>,
    pixel_bytes: usize,
    before: Adler,
}

/// Adler-32 (RFC 1950), which the end of a compressed stream needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Adler {
    a: u32,
    b: u32,
}

/// With its length, kind and check sum it is whole.
struct Chunk<'a> {
    kind: &'a [u8; 4],
    data: &'a [u8],
    whole: &'a [u8],
}

struct Header {
    width: usize,
    height: usize,
    pixel_bytes: usize,
}

/// `None` of what is no PNG, damaged, interlaced, or has pixels that do not fill whole bytes or name colours.
pub(super) fn template(file: &Bytes) -> Option<Template> {
    let mut rest = file.strip_prefix(SIGNATURE)?;
    let (mut before, mut after) = (SIGNATURE.to_vec(), Vec::new());
    let (mut header, mut packed) = (None, Vec::new());
    while let Some((Chunk { kind, data, whole }, next)) = chunk(rest) {
        match kind {
            b"IHDR" => header = Some(Header::read(data)?),
            b"IDAT" => packed.extend_from_slice(data),
            _ => {}
        }
        match (kind, packed.is_empty()) {
            (b"IDAT", _) => {}
            (_, true) => before.extend_from_slice(whole),
            (_, false) => after.extend_from_slice(whole),
        }
        rest = next;
    }
    let header = header?;
    let row_bytes = header.width * header.pixel_bytes + 1;
    let unpacked = unpack(&packed, row_bytes.checked_mul(header.height)?)?;
    let (most, row) = unpacked.split_at(unpacked.len() - row_bytes);
    if header.width < PIXELS || row_bytes > usize::from(u16::MAX) {
        return None;
    }
    before.extend_from_slice(&chunk_of(b"IDAT", &pack(most, level(&packed)?)?));
    let row = LastRow { row: row.to_vec(), pixel_bytes: header.pixel_bytes, before: Adler::NEW.over(most) };
    Some(Template { kind: Kind::Png, before: before.into(), patch: Patch::Row(row), after: after.into() })
}

impl LastRow {
    /// The chunk with the row that carries `number`.
    pub(super) fn with(&self, number: u64) -> Vec<u8> {
        let mut row = self.row.clone();
        let start = row.len() - PIXELS * self.pixel_bytes;
        for channel in 0..self.pixel_bytes {
            add_digits(row[start + channel..].iter_mut().step_by(self.pixel_bytes), 0, number);
        }
        // A last block that is stored as it is (RFC 1951, 3.2.4).
        let length = row.len() as u16;
        let mut data = vec![1];
        data.extend_from_slice(&length.to_le_bytes());
        data.extend_from_slice(&(!length).to_le_bytes());
        data.extend_from_slice(&row);
        data.extend_from_slice(&self.before.over(&row).sum().to_be_bytes());
        chunk_of(b"IDAT", &data)
    }
}

impl Header {
    fn read(data: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?) as usize);
        let (width, height) = (number(0)?, number(4)?);
        let &[depth, colour, _, _, interlaced] = data.get(8..13)? else { return None };
        let channels = match colour {
            0 => 1,
            2 => 3,
            4 => 2,
            6 => 4,
            _ => return None,
        };
        let whole_bytes = matches!(depth, 8 | 16) && interlaced == 0 && height > 0;
        whole_bytes.then_some(Self { width, height, pixel_bytes: channels * usize::from(depth / 8) })
    }
}

/// The first chunk and what follows it.
fn chunk(rest: &[u8]) -> Option<(Chunk<'_>, &[u8])> {
    let length = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
    let end = length.checked_add(12)?;
    let kind = rest.get(4..8)?.try_into().ok()?;
    let chunk = Chunk { kind, data: rest.get(8..end - 4)?, whole: rest.get(..end)? };
    Some((chunk, rest.get(end..)?))
}

fn chunk_of(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut sum = Crc::new();
    sum.update(kind);
    sum.update(data);
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), kind.as_slice(), data, &sum.sum().to_be_bytes()].concat()
}

fn unpack(packed: &[u8], expected: usize) -> Option<Vec<u8>> {
    if expected > MOST_BYTES {
        return None;
    }
    let mut unpacked = Vec::with_capacity(expected);
    let status = Decompress::new(true).decompress_vec(packed, &mut unpacked, FlushDecompress::Finish);
    (status.ok()? == Status::StreamEnd && unpacked.len() == expected).then_some(unpacked)
}

/// Compressed up to a whole byte, without an end.
fn pack(most: &[u8], level: Compression) -> Option<Vec<u8>> {
    let mut packed = Vec::with_capacity(most.len() + most.len() / 64 + 1024);
    let mut compress = Compress::new(level, true);
    compress.compress_vec(most, &mut packed, FlushCompress::Sync).ok()?;
    (compress.total_in() == most.len() as u64).then_some(packed)
}

/// How hard the file says that it was compressed (RFC 1950, FLEVEL).
fn level(packed: &[u8]) -> Option<Compression> {
    Some(Compression::new(match packed.get(1)? >> 6 {
        0 => 1,
        1 => 3,
        2 => 6,
        _ => 9,
    }))
}

impl Adler {
    const NEW: Self = Self { a: 1, b: 0 };
    const MODULUS: u32 = 65_521;
    /// So many bytes can be added before the sums must be reduced.
    const RUN: usize = 5552;

    fn over(self, bytes: &[u8]) -> Self {
        let Self { mut a, mut b } = self;
        for run in bytes.chunks(Self::RUN) {
            for byte in run {
                a += u32::from(*byte);
                b += a;
            }
            (a, b) = (a % Self::MODULUS, b % Self::MODULUS);
        }
        Self { a, b }
    }

    fn sum(self) -> u32 {
        self.b << 16 | self.a
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_sum_is_that_of_the_standard_however_it_is_cut() {
        assert_eq!(Adler::NEW.over(b"Wikipedia").sum(), 0x11E6_0398);
        let many = vec![0xff; 100_000];
        let cut = Adler::NEW.over(&many[..33_333]).over(&many[33_333..]);
        assert_eq!(cut, Adler::NEW.over(&many));
    }
}
