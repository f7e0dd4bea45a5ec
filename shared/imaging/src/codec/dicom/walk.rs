//! The road of dicom-rs through the headers of a data set, past the values instead of into them. It turns wherever
//! dicom-rs turns, also where the standard would not: a length that only one of the two comes by is not checked. Knows
//! no file and no pixels.

use std::cmp::Ordering;
use std::io::{self, Read, Take};
use std::ops::ControlFlow::{self, Break, Continue};

use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_core::header::{DataElementHeader, Length, SequenceItemHeader};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use dicom_encoding::transfer_syntax::DynDecoder;

use crate::error::{Refusal, RefusalCode};

const ITEM_DELIMITER: Tag = Tag(0xFFFE, 0xE00D);

/// Reports, the most nested of all objects, go down some ten levels.
pub(super) const SEQUENCES_MAX: usize = 64;

/// How far the parser goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// To the end of the pixel data.
    Whole,
    /// To its beginning.
    Head,
}

impl Part {
    fn ends_before(self, tag: Tag) -> bool {
        tag > tags::PIXEL_DATA || (self == Self::Head && tag == tags::PIXEL_DATA)
    }
}

/// Where the bytes of a data set come from.
pub(super) trait Source: Read {
    /// Goes past `len` bytes; says how many of them there were.
    fn skip(&mut self, len: u64) -> io::Result<u64>;
}

impl Source for &[u8] {
    fn skip(&mut self, len: u64) -> io::Result<u64> {
        let found = usize::try_from(len).map_or(self.len(), |len| len.min(self.len()));
        *self = &self[found..];
        Ok(found as u64)
    }
}

impl<R: Read> Source for Take<R> {
    fn skip(&mut self, len: u64) -> io::Result<u64> {
        io::copy(&mut self.by_ref().take(len), &mut io::sink())
    }
}

/// Refuses values that are longer than what is left of `source`, and sequences too deep within each other. What else is
/// wrong is left to the parser, which comes to the same place.
pub(super) fn check<S: Source>(source: &mut S, decoder: DynDecoder<S>, part: Part) -> Result<(), Refusal> {
    let (open, position) = (Vec::new(), 0);
    let (expects_item, may_end, signed) = (false, false, false);
    let mut walk = Walk { source, decoder, part, open, position, expects_item, may_end, signed };
    while walk.step()?.is_continue() {}
    Ok(())
}

/// A sequence or item whose end has not come yet.
#[derive(Debug, Clone, Copy)]
struct Open {
    kind: Kind,
    len: Length,
    begins_at: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sequence,
    Item,
    /// Encapsulated pixel data.
    Fragments,
    Fragment,
}

struct Walk<'s, S> {
    source: &'s mut S,
    decoder: DynDecoder<S>,
    part: Part,
    /// The innermost is the last.
    open: Vec<Open>,
    /// As dicom-rs counts: by declared lengths, also where it reads less.
    position: u64,
    expects_item: bool,
    /// Whether the innermost may be over by its length.
    may_end: bool,
    /// Pixels are: dicom-rs then reads some elements as signed words, whatever their headers say.
    signed: bool,
}

impl<S: Source> Walk<'_, S> {
    /// `Break` where dicom-rs goes no further.
    fn step(&mut self) -> Result<ControlFlow<()>, Refusal> {
        if self.may_end && self.close().is_break() {
            return Ok(Break(()));
        }
        match self.open.last() {
            _ if self.expects_item => self.item(),
            Some(&Open { kind: Kind::Fragment, len, .. }) => self.fragment(len),
            _ => self.element(),
        }
    }

    /// Closes what is over by its length.
    fn close(&mut self) -> ControlFlow<()> {
        while let Some(&Open { kind, len, begins_at }) = self.open.last()
            && let Some(len) = len.get()
        {
            match (begins_at + u64::from(len)).cmp(&self.position) {
                Ordering::Greater => break,
                Ordering::Less => return Break(()),
                Ordering::Equal => {
                    self.expects_item = matches!(kind, Kind::Item | Kind::Fragment);
                    self.open.pop();
                }
            }
        }
        self.may_end = false;
        Continue(())
    }

    fn element(&mut self) -> Result<ControlFlow<()>, Refusal> {
        let Ok((header, header_len)) = self.decoder.decode_header(self.source) else { return Ok(Break(())) };
        self.position += header_len as u64;
        let DataElementHeader { tag, vr, len } = header;
        let vr = if self.signed && is_signed_with_pixels(tag) { VR::SS } else { vr };
        if tag == ITEM_DELIMITER {
            // Outside of all items it means nothing.
            self.expects_item = self.open.pop().is_some();
            self.may_end = true;
        } else if self.open.is_empty() && self.part.ends_before(tag) {
            return Ok(Break(()));
        } else if tag == tags::PIXEL_DATA && vr != VR::SQ && len.is_undefined() {
            self.enter(Kind::Fragments, len)?;
        } else if vr == VR::SQ || len.is_undefined() {
            self.enter(Kind::Sequence, len)?;
        } else {
            self.value(tag, vr, len.0)?;
        }
        Ok(Continue(()))
    }

    fn value(&mut self, tag: Tag, vr: VR, len: u32) -> Result<(), Refusal> {
        let mut read = read_of(vr, len);
        if tag == tags::PIXEL_REPRESENTATION && matches!(vr, VR::US | VR::OW) && len > 0 {
            self.signed = false;
            if read >= 2 {
                let mut word = [0; 2];
                let cut =
                    |_| RefusalCode::Truncated.with(format!("less than 2 of {len} bytes of an element"));
                self.source.read_exact(&mut word).map_err(cut)?;
                self.signed = word != [0; 2];
                read -= 2;
            }
        }
        self.pass(read.into())?;
        self.position += u64::from(len);
        self.may_end = true;
        Ok(())
    }

    fn item(&mut self) -> Result<ControlFlow<()>, Refusal> {
        let Ok(header) = self.decoder.decode_item_header(self.source) else { return Ok(Break(())) };
        let begins_at = self.position;
        self.position += 8;
        match (header, self.open.last().copied()) {
            (SequenceItemHeader::Item { .. }, None) => return Ok(Break(())),
            (SequenceItemHeader::Item { len }, Some(around)) => {
                let kind = if around.kind == Kind::Fragments { Kind::Fragment } else { Kind::Item };
                self.enter(kind, len)?;
            }
            (SequenceItemHeader::SequenceDelimiter, ended) => {
                self.open.pop();
                self.expects_item = false;
                // After pixel data without fragments dicom-rs does not look whether what is around it is over.
                self.may_end =
                    ended.is_none_or(|ended| (ended.kind, ended.begins_at) != (Kind::Fragments, begins_at));
            }
            (SequenceItemHeader::ItemDelimiter, _) => {
                // Nothing is open but the sequence. dicom-rs takes its end for that of an item, which only the pixel
                // data of the image survives.
                self.open.pop();
                if !self.open.is_empty() {
                    return Err(RefusalCode::Damaged.into());
                }
            }
        }
        Ok(Continue(()))
    }

    fn fragment(&mut self, len: Length) -> Result<ControlFlow<()>, Refusal> {
        let Some(len) = len.get() else { return Ok(Break(())) };
        self.pass(len.into())?;
        self.position += u64::from(len);
        self.may_end = true;
        Ok(Continue(()))
    }

    fn enter(&mut self, kind: Kind, len: Length) -> Result<(), Refusal> {
        if self.open.len() >= 2 * SEQUENCES_MAX {
            let detail = format!("more than {SEQUENCES_MAX} sequences within each other");
            return Err(RefusalCode::Damaged.with(detail));
        }
        self.expects_item = matches!(kind, Kind::Sequence | Kind::Fragments);
        self.may_end = len == Length(0);
        self.open.push(Open { kind, len, begins_at: self.position });
        Ok(())
    }

    fn pass(&mut self, len: u64) -> Result<(), Refusal> {
        match self.source.skip(len) {
            Ok(found) if found == len => Ok(()),
            Ok(found) => Err(RefusalCode::Truncated.with(format!("{found} of {len} bytes of an element"))),
            // Of a deflated data set.
            Err(_) => Err(RefusalCode::Damaged.into()),
        }
    }
}

fn is_signed_with_pixels(tag: Tag) -> bool {
    StandardDataDictionary.by_tag(tag).is_some_and(|entry| entry.vr() == VirtualVr::Xs)
}

/// How many bytes dicom-rs reads of a value of `len` bytes: whole numbers only.
fn read_of(vr: VR, len: u32) -> u32 {
    let number_len = match vr {
        VR::US | VR::SS | VR::OW => 2,
        VR::AT | VR::UL | VR::SL | VR::FL | VR::OL | VR::OF => 4,
        VR::UV | VR::SV | VR::FD | VR::OV | VR::OD => 8,
        _ => 1,
    };
    len - len % number_len
}
