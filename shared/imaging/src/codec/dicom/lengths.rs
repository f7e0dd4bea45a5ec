//! What a DICOM file promises against what it has, before dicom-rs sees it: that makes room for 4 GiB when a header says
//! so, and calls itself once more for every sequence within another. Knows no pixels.

use std::io::Read;

use dicom_encoding::decode::Decode;
use dicom_encoding::decode::explicit_le::ExplicitVRLittleEndianDecoder;
use dicom_encoding::transfer_syntax::{Codec, TransferSyntaxIndex};
use dicom_object::FileMetaTable;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::walk::{self, Part};
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;

/// Refuses a file that is shorter than the lengths in its headers say, as far as `part` goes, has sequences too deep
/// within each other, or inflates to more than a file may have. What else is wrong is left to the parser.
pub(super) fn check(bytes: &[u8], part: Part, limits: &Limits) -> Result<(), Refusal> {
    let Some((meta, mut data_set)) = after_meta(bytes)? else { return Ok(()) };
    let Some(syntax) = TransferSyntaxRegistry.get(meta.transfer_syntax()) else { return Ok(()) };
    match syntax.codec() {
        Codec::None | Codec::EncapsulatedPixelData(..) => match syntax.decoder_for() {
            Some(decoder) => walk::check(&mut data_set, decoder, part),
            None => Ok(()),
        },
        Codec::Dataset(None) => Ok(()),
        Codec::Dataset(Some(adapter)) => {
            // One byte more than allowed, to tell the end of what is allowed from the end of the data set.
            let max_bytes = limits.max_file_bytes;
            let mut inflated = adapter.adapt_reader(Box::new(data_set)).take(max_bytes.saturating_add(1));
            let Some(decoder) = syntax.decoder_for() else { return Ok(()) };
            let found = walk::check(&mut inflated, decoder, part);
            if inflated.limit() == 0 {
                return Err(RefusalCode::FileTooLarge.with(format!("more than {max_bytes} bytes inflated")));
            }
            found
        }
    }
}

/// The file meta group and what comes after it; `None` if the parser will refuse the former.
pub(super) fn after_meta(bytes: &[u8]) -> Result<Option<(FileMetaTable, &[u8])>, Refusal> {
    const PREAMBLE_LEN: usize = 128;
    let Some(mut rest) = bytes.get(PREAMBLE_LEN..) else { return Ok(None) };
    check_meta(rest)?;
    Ok(FileMetaTable::from_reader(&mut rest).ok().map(|meta| (meta, rest)))
}

fn check_meta(group: &[u8]) -> Result<(), Refusal> {
    let decoder = ExplicitVRLittleEndianDecoder::default();
    let Some(mut rest) = group.strip_prefix(b"DICM") else { return Ok(()) };
    let Ok(_group_length) = decoder.decode_header(&mut rest) else { return Ok(()) };
    let Some((&group_length, mut rest)) = rest.split_first_chunk() else { return Ok(()) };
    let mut left = u32::from_le_bytes(group_length);
    while left > 0 {
        let Ok((header, header_len)) = decoder.decode_header(&mut rest) else { return Ok(()) };
        let Some(len) = header.len.get() else { return Ok(()) };
        let Some(after) = rest.get(len as usize..) else {
            let found = rest.len();
            return Err(RefusalCode::Truncated.with(format!("{found} of {len} bytes of an element")));
        };
        rest = after;
        left = left.saturating_sub(header_len as u32).saturating_sub(len);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
