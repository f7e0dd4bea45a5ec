//! DICOM files put together element by element, so that a test can write what no honest program would.

use std::collections::BTreeMap;

/// Group and element.
pub(crate) type Tag = (u16, u16);

pub(crate) const MODALITY: Tag = (0x0008, 0x0060);
pub(crate) const BODY_PART: Tag = (0x0018, 0x0015);
pub(crate) const VIEW: Tag = (0x0018, 0x5101);
pub(crate) const PHOTOMETRY: Tag = (0x0028, 0x0004);
pub(crate) const FRAMES: Tag = (0x0028, 0x0008);
pub(crate) const WINDOW_CENTER: Tag = (0x0028, 0x1050);
pub(crate) const WINDOW_WIDTH: Tag = (0x0028, 0x1051);
pub(crate) const RESCALE_INTERCEPT: Tag = (0x0028, 0x1052);
pub(crate) const RESCALE_SLOPE: Tag = (0x0028, 0x1053);
pub(crate) const VOI_LUT_FUNCTION: Tag = (0x0028, 0x1056);
pub(crate) const MODALITY_LUT_SEQUENCE: Tag = (0x0028, 0x3000);
pub(crate) const LUT_DESCRIPTOR: Tag = (0x0028, 0x3002);
pub(crate) const LUT_DATA: Tag = (0x0028, 0x3006);
pub(crate) const VOI_LUT_SEQUENCE: Tag = (0x0028, 0x3010);
pub(crate) const PIXEL_DATA: Tag = (0x7FE0, 0x0010);

/// How a stored value lies in the pixel data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) allocated: u16,
    pub(crate) stored: u16,
    pub(crate) signed: bool,
}

/// A data set in explicit VR little endian.
#[derive(Debug, Clone, Default)]
pub(crate) struct Elements(BTreeMap<Tag, Vec<u8>>);

impl Elements {
    /// A `MONOCHROME2` picture of one row.
    pub(crate) fn row(form: Form, values: &[i32]) -> Self {
        let pixels: Vec<u8> = match form.allocated {
            8 => values.iter().map(|value| *value as u8).collect(),
            _ => values.iter().flat_map(|value| (*value as u16).to_le_bytes()).collect(),
        };
        let numbers = [
            (0x0002, 1),
            (0x0010, 1),
            (0x0011, values.len() as u16),
            (0x0100, form.allocated),
            (0x0101, form.stored),
            (0x0102, form.stored.wrapping_sub(1)),
            (0x0103, form.signed.into()),
        ];
        let empty = Self::default().text(PHOTOMETRY, "CS", "MONOCHROME2").long(PIXEL_DATA, "OW", &pixels);
        numbers
            .into_iter()
            .fold(empty, |elements, (tag, value)| elements.words((0x0028, tag), "US", &[value]))
    }

    pub(crate) fn text(mut self, tag: Tag, representation: &str, text: &str) -> Self {
        let mut value = text.as_bytes().to_vec();
        value.resize(value.len().next_multiple_of(2), b' ');
        self.0.insert(tag, element(tag, representation, &(value.len() as u16).to_le_bytes(), &value));
        self
    }

    pub(crate) fn words(mut self, tag: Tag, representation: &str, words: &[u16]) -> Self {
        let value: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.0.insert(tag, element(tag, representation, &(value.len() as u16).to_le_bytes(), &value));
        self
    }

    /// A value whose length has 32 bits.
    pub(crate) fn long(mut self, tag: Tag, representation: &str, value: &[u8]) -> Self {
        let mut value = value.to_vec();
        value.resize(value.len().next_multiple_of(2), 0);
        let len = [&[0, 0][..], &(value.len() as u32).to_le_bytes()].concat();
        self.0.insert(tag, element(tag, representation, &len, &value));
        self
    }

    /// A sequence of one item.
    pub(crate) fn item(self, tag: Tag, item: &Self) -> Self {
        let content = item.bytes();
        let item = [&[0xFE, 0xFF, 0, 0xE0][..], &(content.len() as u32).to_le_bytes(), &content].concat();
        self.long(tag, "SQ", &item)
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.values().flatten().copied().collect()
    }

    /// The whole file.
    pub(crate) fn file(&self) -> Vec<u8> {
        const META: &[u8] = b"\x02\0\0\0UL\x04\0\x1c\0\0\0\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0";
        [&[0; 128][..], b"DICM", META, &self.bytes()].concat()
    }
}

fn element((group, number): Tag, representation: &str, len: &[u8], value: &[u8]) -> Vec<u8> {
    [&group.to_le_bytes()[..], &number.to_le_bytes(), representation.as_bytes(), len, value].concat()
}
