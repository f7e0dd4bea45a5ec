//! How the elements of a data set are written: with their representation or without, and in which order of bytes. Knows
//! no values.

use dicom_core::dictionary::DataDictionary as _;
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{StandardDataDictionary, tags};

/// The form of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Syntax {
    /// Each element says its value representation.
    pub(super) explicit: bool,
    pub(super) big_endian: bool,
}

impl Syntax {
    pub(super) const IMPLICIT: Self = Self { explicit: false, big_endian: false };
    pub(super) const EXPLICIT: Self = Self { explicit: true, big_endian: false };
    pub(super) const BIG_ENDIAN: Self = Self { explicit: true, big_endian: true };

    /// The form of a data set that is `declared` to have some form. Implicit and explicit little endian are told apart by
    /// looking, since converters mix them up and nothing else depends on it. `None` if the bytes come in another order than
    /// declared: then nobody knows the order of the pixels' bytes.
    pub(super) fn of(data_set: &[u8], declared: Self) -> Option<Self> {
        let found =
            [Self::EXPLICIT, Self::IMPLICIT, Self::BIG_ENDIAN].into_iter().find(|it| it.fits(data_set));
        match found {
            Some(found) => (found.big_endian == declared.big_endian).then_some(found),
            // What is wrong is said where it is found.
            None => Some(declared),
        }
    }

    /// Whether the first elements can be read in this form.
    fn fits(self, mut data_set: &[u8]) -> bool {
        const LOOKED_AT: usize = 3;
        let mut last = Tag(0, 0);
        for looked_at in 0..LOOKED_AT {
            if data_set.is_empty() {
                return looked_at > 0;
            }
            let Some(header) = self.header(data_set).filter(|header| self.is_likely(*header)) else {
                return false;
            };
            if header.tag <= last {
                return false;
            }
            last = header.tag;
            // Behind a sequence, or pixels of which only the beginning is here, is nothing to look at.
            let Some(after) = header.end().and_then(|end| data_set.get(end..)) else {
                return header.len == UNDEFINED || header.tag == tags::PIXEL_DATA;
            };
            data_set = after;
        }
        true
    }

    /// Whether a header makes sense: bytes of any kind make a tag, but hardly one of the standard's, or a representation.
    fn is_likely(self, header: ElementHeader) -> bool {
        match self.explicit {
            true => header.vr.is_some(),
            false => {
                header.tag.group().is_multiple_of(2) && StandardDataDictionary.by_tag(header.tag).is_some()
            }
        }
    }

    pub(super) fn u16(self, bytes: [u8; 2]) -> u16 {
        if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    pub(super) fn u32(self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    /// The header at the beginning of `bytes`, taken by its word; `None` if there are too few bytes. A representation that
    /// does not exist leaves its length open: see [`Self::readings`].
    pub(super) fn header(self, bytes: &[u8]) -> Option<ElementHeader> {
        let &[g0, g1, e0, e1, a, b, c, d] = bytes.first_chunk()?;
        let tag = Tag(self.u16([g0, g1]), self.u16([e0, e1]));
        let without = ElementHeader { tag, vr: None, len: self.u32([a, b, c, d]), header_len: 8 };
        if !self.explicit || tag.group() == DELIMITERS {
            return Some(without);
        }
        let vr = VR::from_binary([a, b]);
        if vr.is_some_and(has_long_length) {
            let &len = bytes.get(8..)?.first_chunk()?;
            return Some(ElementHeader { tag, vr, len: self.u32(len), header_len: 12 });
        }
        Some(ElementHeader { tag, vr, len: self.u16([c, d]).into(), header_len: 8 })
    }

    /// What the header at the beginning of `bytes` can mean that is not written as it should be: its length in 16 bits, in
    /// 32, or in place of the representation.
    pub(super) fn readings(self, bytes: &[u8]) -> Vec<ElementHeader> {
        let Some(ElementHeader { tag, vr, .. }) = self.header(bytes) else { return Vec::new() };
        let word = |at: usize| Some(self.u16(*bytes.get(at..)?.first_chunk()?).into());
        let long = |at: usize| Some(self.u32(*bytes.get(at..)?.first_chunk()?));
        let forms = [(word(6), 8, vr), (long(8), 12, vr), (long(4), 8, None)];
        let headers = forms
            .into_iter()
            .filter_map(|(len, header_len, vr)| Some(ElementHeader { tag, vr, len: len?, header_len }));
        headers.collect()
    }
}

/// The length of what ends with a delimiter.
pub(super) const UNDEFINED: u32 = u32::MAX;
/// Items, their ends and the ends of sequences. They have no representation in any syntax.
pub(super) const DELIMITERS: u16 = 0xFFFE;

/// The header of an element: what stands before its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ElementHeader {
    pub(super) tag: Tag,
    /// The value representation, unless the syntax has none or none has that name.
    pub(super) vr: Option<VR>,
    pub(super) len: u32,
    pub(super) header_len: usize,
}

impl ElementHeader {
    /// Where the value ends, if its length is said.
    pub(super) fn end(self) -> Option<usize> {
        let len = usize::try_from(self.len).ok().filter(|_| self.len != UNDEFINED)?;
        self.header_len.checked_add(len)
    }
}

/// Two reserved bytes and a length of 32 bits.
pub(super) fn has_long_length(vr: VR) -> bool {
    use VR::{OB, OD, OF, OL, OV, OW, SQ, SV, UC, UN, UR, UT, UV};
    matches!(vr, OB | OD | OF | OL | OV | OW | SQ | SV | UC | UN | UR | UT | UV)
}
