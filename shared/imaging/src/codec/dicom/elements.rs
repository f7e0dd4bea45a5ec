//! The elements of a data set, one after the other, each with the bytes of its value. Nothing is allocated for a length
//! before the bytes were found to be there, and what has a length is gone past without looking into it. Knows no meaning of
//! a value.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;

use super::syntax::{DELIMITERS, ElementHeader, Syntax, UNDEFINED, has_long_length};

const ITEM: Tag = Tag(DELIMITERS, 0xE000);
const ITEM_END: Tag = Tag(DELIMITERS, 0xE00D);
const SEQUENCE_END: Tag = Tag(DELIMITERS, 0xE0DD);

/// Sequences within each other that are followed: reports, the most nested of all objects, go down some ten levels.
pub(super) const SEQUENCES_MAX: usize = 64;

/// Why a data set can't be followed further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault<'a> {
    /// Fewer bytes are there than are announced.
    EndsEarly {
        found: usize,
        announced: u64,
        after: &'a [u8],
    },
    /// No reading of a header leads to another header.
    NotAsDeclared,
    TooDeep,
}

type Result<'a, T> = std::result::Result<T, Fault<'a>>;

/// One element.
#[derive(Debug, Clone)]
pub(super) struct Element<'a> {
    pub(super) tag: Tag,
    /// The value representation, unless the syntax has none or none has that name.
    pub(super) vr: Option<VR>,
    /// How the value is written.
    pub(super) syntax: Syntax,
    pub(super) value: Content<'a>,
}

#[derive(Debug, Clone)]
pub(super) enum Content<'a> {
    /// A value that is as long as the header says.
    Bytes(&'a [u8]),
    /// The items of a sequence that ended with a delimiter, without that.
    Items(&'a [u8]),
    /// Encapsulated pixel data, without the table of offsets.
    Fragments(Vec<&'a [u8]>),
}

/// The elements of a data set that were not read yet.
#[derive(Debug, Clone)]
pub(super) struct Elements<'a> {
    rest: &'a [u8],
    syntax: Syntax,
    depth: usize,
}

impl<'a> Elements<'a> {
    pub(super) fn new(data_set: &'a [u8], syntax: Syntax) -> Self {
        Self { rest: data_set, syntax, depth: 0 }
    }

    /// The bytes that were not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The tag of the next element, `None` at the end.
    pub(super) fn next_tag(&self) -> Option<Tag> {
        self.syntax.header(self.rest).map(|header| header.tag)
    }

    /// The next element, `None` at the end.
    pub(super) fn next(&mut self) -> Result<'a, Option<Element<'a>>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let header = self.header()?;
        let ElementHeader { tag, vr, len, header_len } = header;
        let after = &self.rest[header_len..];
        if len != UNDEFINED {
            let (value, rest) = split(after, len)?;
            self.rest = rest;
            let syntax = if vr == Some(VR::UN) { Syntax::IMPLICIT } else { self.syntax };
            return Ok(Some(Element { tag, vr, syntax, value: Content::Bytes(value) }));
        }
        if tag == tags::PIXEL_DATA && vr != Some(VR::SQ) {
            let (fragments, rest) = fragments(after, self.syntax)?;
            self.rest = rest;
            return Ok(Some(Element { tag, vr, syntax: self.syntax, value: Content::Fragments(fragments) }));
        }
        // Whoever did not know the representation copied the items as they were without any (PS3.5 6.2.2).
        let unknown = self.syntax.explicit && matches!(vr, None | Some(VR::UN));
        let syntax = if unknown { Syntax::IMPLICIT } else { self.syntax };
        let (items, syntax) = match self.items(after, syntax) {
            Ok(items) => (items, syntax),
            // Some changed the representation and left the items alone. Without representations there are no two ways, so that
            // each level costs one more walk and not twice as many.
            Err(fault) if unknown => (self.items(after, self.syntax).map_err(|_| fault)?, self.syntax),
            Err(fault) => return Err(fault),
        };
        self.rest = &after[items.len() + 8..];
        Ok(Some(Element { tag, vr, syntax, value: Content::Items(items) }))
    }

    /// The next header. One that is not written as it should be is taken as the only reading behind which there is another
    /// header.
    fn header(&self) -> Result<'a, ElementHeader> {
        let header = self.syntax.header(self.rest).ok_or_else(|| {
            let found = self.rest.len();
            Fault::EndsEarly { found, announced: found as u64 + 1, after: &[] }
        })?;
        let reserved = self.rest[6..8] != [0; 2];
        let is_odd = match header.vr {
            None => header.tag.group() != DELIMITERS,
            Some(vr) => reserved && has_long_length(vr),
        };
        if !self.syntax.explicit || !is_odd {
            return Ok(header);
        }
        let written = [self.rest[4], self.rest[5]];
        let mut readings = self.syntax.readings(self.rest);
        readings.retain(|reading| self.leads_on(*reading, written));
        match readings[..] {
            [only] => Ok(only),
            _ => Err(Fault::NotAsDeclared),
        }
    }

    /// Whether behind the value is the end, or a later element with a representation that exists or is odd in the same way.
    fn leads_on(&self, reading: ElementHeader, written: [u8; 2]) -> bool {
        if reading.len == UNDEFINED {
            let items = self.rest.get(reading.header_len..).unwrap_or_default();
            let next = Syntax::IMPLICIT.header(items).map(|header| header.tag);
            return matches!(next, Some(ITEM | SEQUENCE_END));
        }
        let Some(after) = reading.end().and_then(|end| self.rest.get(end..)) else { return false };
        let Some(next) = self.syntax.header(after) else { return after.is_empty() };
        let is_known = next.vr.is_some() || next.tag.group() == DELIMITERS || after[4..6] == written;
        next.tag > reading.tag && is_known
    }

    /// What `bytes` hold of items up to the end of their sequence.
    fn items(&self, bytes: &'a [u8], syntax: Syntax) -> Result<'a, &'a [u8]> {
        let mut rest = bytes;
        loop {
            let (tag, len, after) = item(rest, syntax)?;
            match (tag, len) {
                (SEQUENCE_END, _) => return Ok(&bytes[..bytes.len() - rest.len()]),
                (ITEM, UNDEFINED) => rest = self.past_item(after, syntax)?.1,
                (ITEM, len) => rest = split(after, len)?.1,
                _ => return Err(Fault::NotAsDeclared),
            }
        }
    }

    /// What an item of undefined length holds, and what comes behind its end.
    fn past_item(&self, bytes: &'a [u8], syntax: Syntax) -> Result<'a, (&'a [u8], &'a [u8])> {
        if self.depth == SEQUENCES_MAX {
            return Err(Fault::TooDeep);
        }
        let mut within = Elements { rest: bytes, syntax, depth: self.depth + 1 };
        while within.next_tag() != Some(ITEM_END) {
            if within.next()?.is_none() {
                return Err(Fault::EndsEarly { found: 0, announced: 8, after: &[] });
            }
        }
        let content = &bytes[..bytes.len() - within.rest.len()];
        Ok((content, &within.rest[8..]))
    }

    /// The elements of each item of a sequence, whose content is `items`.
    pub(super) fn of_items(items: &'a [u8], syntax: Syntax) -> Result<'a, Vec<Self>> {
        let (mut found, mut rest) = (Vec::new(), items);
        while !rest.is_empty() {
            let (tag, len, after) = item(rest, syntax)?;
            let content = match (tag, len) {
                // Behind a sequence whose length is said there may be a delimiter nevertheless.
                (SEQUENCE_END, _) => break,
                (ITEM, UNDEFINED) => {
                    let (content, behind) = Self::new(items, syntax).past_item(after, syntax)?;
                    rest = behind;
                    content
                }
                (ITEM, len) => {
                    let (content, behind) = split(after, len)?;
                    rest = behind;
                    content
                }
                _ => return Err(Fault::NotAsDeclared),
            };
            found.push(Self::new(content, syntax));
        }
        Ok(found)
    }
}

/// Tag, length and what comes behind the header of an item or delimiter.
fn item(bytes: &[u8], syntax: Syntax) -> Result<'_, (Tag, u32, &[u8])> {
    let early = Fault::EndsEarly { found: bytes.len(), announced: 8, after: &[] };
    // Delimiters look alike in both.
    let header = Syntax { explicit: false, ..syntax }.header(bytes).ok_or(early)?;
    Ok((header.tag, header.len, &bytes[header.header_len..]))
}

/// The fragments behind the table of offsets, and what comes behind their end.
fn fragments(bytes: &[u8], syntax: Syntax) -> Result<'_, (Vec<&[u8]>, &[u8])> {
    let (mut found, mut rest) = (Vec::new(), bytes);
    let mut is_offsets = true;
    loop {
        let (tag, len, after) = item(rest, syntax)?;
        match tag {
            SEQUENCE_END => return Ok((found, after)),
            ITEM => {
                // Where the end is there, it is the length that is wrong.
                let is_whole = syntax
                    .header(&bytes[bytes.len().saturating_sub(8)..])
                    .is_some_and(|end| end.tag == SEQUENCE_END);
                let (fragment, behind) =
                    split(after, len).map_err(|fault| if is_whole { Fault::NotAsDeclared } else { fault })?;
                if !is_offsets {
                    found.push(fragment);
                }
                is_offsets = false;
                rest = behind;
            }
            _ => return Err(Fault::NotAsDeclared),
        }
    }
}

fn split(bytes: &[u8], len: u32) -> Result<'_, (&[u8], &[u8])> {
    let early = Fault::EndsEarly { found: bytes.len(), announced: len.into(), after: bytes };
    usize::try_from(len).ok().and_then(|len| bytes.split_at_checked(len)).ok_or(early)
}
