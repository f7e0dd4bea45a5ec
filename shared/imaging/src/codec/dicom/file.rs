//! A DICOM file up to its data set: file meta group, inflation, and whether the data set is written as the transfer syntax
//! says. Knows no element of the data set.

use std::borrow::Cow;
use std::io::{ErrorKind, Read as _};

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::transfer_syntax::{Codec, Endianness, TransferSyntaxIndex};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use hilum_events::Sha256Digest;

use super::elements::{Content, Element, Elements, Fault};
use super::syntax::Syntax;
use super::text::unsupported_transfer_syntax;
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;

const PREAMBLE_LEN: usize = 128;

/// How much of a file is in memory and looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it. It is looked at to the end of the pixel data.
    Whole,
    /// The beginning. It is looked at to where the pixel data begins.
    Head,
}

/// A file whose data set can be followed.
pub(super) struct File<'a> {
    pub(super) transfer_syntax_uid: String,
    data_set: Cow<'a, [u8]>,
    syntax: Syntax,
    part: Part,
}

impl<'a> File<'a> {
    pub(super) fn open(bytes: &'a [u8], part: Part, limits: &Limits) -> Result<Self, Refusal> {
        let (uid, data_set) = meta(bytes, part)?;
        let registered = TransferSyntaxRegistry.get(&uid).ok_or_else(|| unsupported_transfer_syntax(&uid))?;
        let data_set = match registered.codec() {
            Codec::None | Codec::EncapsulatedPixelData(..) => Cow::Borrowed(data_set),
            Codec::Dataset(None) => return Err(unsupported_transfer_syntax(&uid)),
            Codec::Dataset(Some(adapter)) => {
                Cow::Owned(inflated(adapter.adapt_reader(Box::new(data_set)), limits.max_file_bytes)?)
            }
        };
        let declared = Syntax {
            explicit: uid != uids::IMPLICIT_VR_LITTLE_ENDIAN,
            big_endian: registered.endianness() == Endianness::Big,
        };
        let syntax = Syntax::of(&data_set, declared).ok_or_else(not_as_declared)?;
        Ok(Self { transfer_syntax_uid: uid, data_set, syntax, part })
    }

    pub(super) fn elements(&self) -> Elements<'_> {
        Elements::new(&self.data_set, self.syntax)
    }

    /// The refusal that a fault in the data set leads to.
    pub(super) fn refusal(&self, fault: Fault<'_>) -> Refusal {
        refusal(fault, self.part)
    }

    /// Of the data set as its transfer syntax writes it, and of that: the same whatever stands in front of it in the file.
    pub(super) fn data_set_sha256(&self) -> Sha256Digest {
        let syntax = Sha256Digest::of(self.transfer_syntax_uid.as_bytes());
        let data_set = Sha256Digest::of(&self.data_set);
        Sha256Digest::of(&[*syntax.as_bytes(), *data_set.as_bytes()].concat())
    }

    pub(super) fn part(&self) -> Part {
        self.part
    }
}

/// The transfer syntax, and what comes behind the file meta group. That ends where another group begins, whatever its length
/// says: many writers leave it out or at zero.
fn meta(bytes: &[u8], part: Part) -> Result<(String, &[u8]), Refusal> {
    let group = bytes
        .get(PREAMBLE_LEN..)
        .and_then(|rest| rest.strip_prefix(b"DICM"))
        .ok_or(RefusalCode::NotAnImage)?;
    let is_explicit = Syntax::EXPLICIT.header(group).is_none_or(|first| first.vr.is_some());
    let mut elements = Elements::new(group, if is_explicit { Syntax::EXPLICIT } else { Syntax::IMPLICIT });
    let (mut transfer_syntax, mut ends_at) = (None, None);
    while elements.next_tag().is_some_and(|tag| tag.group() == 2) {
        let is_deflated = transfer_syntax.as_deref().is_some_and(is_deflated);
        let left = elements.rest().len();
        // Deflated bytes may look like one more element.
        if is_deflated && ends_at == Some(left) {
            break;
        }
        let Some(Element { tag, value: Content::Bytes(value), .. }) =
            elements.next().map_err(|fault| refusal(fault, part))?
        else {
            continue;
        };
        if tag == tags::FILE_META_INFORMATION_GROUP_LENGTH
            && let Ok(len) = value.try_into()
        {
            ends_at = elements.rest().len().checked_sub(u32::from_le_bytes(len) as usize);
        } else if tag == tags::TRANSFER_SYNTAX_UID {
            transfer_syntax = Some(String::from_utf8_lossy(value).trim_matches([' ', '\0']).to_owned());
        }
    }
    let missing = || RefusalCode::Damaged.with("the transfer syntax is missing".into());
    Ok((transfer_syntax.filter(|uid| !uid.is_empty()).ok_or_else(missing)?, elements.rest()))
}

fn is_deflated(uid: &str) -> bool {
    TransferSyntaxRegistry.get(uid).is_some_and(|syntax| matches!(syntax.codec(), Codec::Dataset(_)))
}

/// Inflates what can be inflated: where the deflated bytes end early, the data set does.
fn inflated(reader: impl std::io::Read, max_bytes: u64) -> Result<Vec<u8>, Refusal> {
    let mut data_set = Vec::new();
    // One byte more than allowed, to tell the end of what is allowed from the end of the data set.
    match reader.take(max_bytes.saturating_add(1)).read_to_end(&mut data_set) {
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(RefusalCode::Damaged.into()),
        _ if data_set.len() as u64 > max_bytes => {
            Err(RefusalCode::FileTooLarge.with(format!("more than {max_bytes} bytes inflated")))
        }
        _ => Ok(data_set),
    }
}

fn refusal(fault: Fault<'_>, part: Part) -> Refusal {
    match fault {
        Fault::TooDeep => RefusalCode::Damaged
            .with(format!("more than {} sequences within each other", super::elements::SEQUENCES_MAX)),
        Fault::EndsEarly { after, .. } if part == Part::Whole && holds_pixels(after) => not_as_declared(),
        Fault::EndsEarly { found, announced, .. } => {
            RefusalCode::Truncated.with(format!("{found} of {announced} bytes of an element"))
        }
        // What comes behind the head may tell.
        Fault::NotAsDeclared if part == Part::Head => RefusalCode::Truncated.into(),
        Fault::NotAsDeclared => not_as_declared(),
    }
}

/// The refusal of a header that is not written as the file says it is.
pub(super) fn not_as_declared() -> Refusal {
    RefusalCode::Damaged.with("its header is not written as its transfer syntax says".into())
}

/// Whether pixel data lies somewhere in `bytes` up to its end. Then the file is whole, and what led elsewhere is its header.
pub(super) fn holds_pixels(bytes: &[u8]) -> bool {
    const SYNTAXES: [Syntax; 3] = [Syntax::EXPLICIT, Syntax::IMPLICIT, Syntax::BIG_ENDIAN];
    let ends = |four: &[u8]| matches!(four, [0xFE, 0xFF, 0xDD, 0xE0] | [0xFF, 0xFE, 0xE0, 0xDD]);
    let begins = |four: &[u8]| matches!(four, [0xE0, 0x7F, 0x10, 0] | [0x7F, 0xE0, 0, 0x10]);
    let last_end = bytes.windows(4).rposition(ends).unwrap_or(0);
    bytes.windows(4).enumerate().filter(|(_, four)| begins(four)).any(|(at, _)| {
        SYNTAXES.into_iter().filter_map(|syntax| syntax.header(&bytes[at..])).any(|header| {
            let is_pixels = header.tag == tags::PIXEL_DATA && header.len > 0;
            let has_form = matches!(header.vr, None | Some(VR::OB | VR::OW | VR::UN));
            let is_whole = header.end().map_or(at < last_end, |end| bytes.len() - at >= end);
            is_pixels && has_form && is_whole
        })
    })
}

#[cfg(test)]
mod tests;
