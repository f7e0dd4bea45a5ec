//! Instances to send: a computed radiograph each, of another identity and the same pixels, in explicit VR little endian. Pure but
//! for the time that makes studies different.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

/// Computed Radiography Image Storage.
pub(super) const CLASS: &str = "1.2.840.10008.5.1.4.1.1.1";

/// Makes studies of pictures of one size.
#[derive(Debug)]
pub(super) struct Objects {
    side: u16,
    pixels: Bytes,
    /// Studies so far, from a number that no other run begins with.
    studies: AtomicU64,
}

/// One study.
#[derive(Debug)]
pub(super) struct Study<'a> {
    objects: &'a Objects,
    uid: String,
}

/// One instance.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) instance: String,
    /// Its data set, in two parts.
    pub(super) parts: [Bytes; 2],
}

impl Objects {
    pub(super) fn of_side(side: u16) -> Self {
        // Values of 12 bits without a pattern that a file system or a sender could make use of.
        let mut state = 0x9e37_79b9_u32;
        let pixels = (0..u32::from(side) * u32::from(side)).flat_map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            u16::try_from(state & 0x0fff).unwrap_or(0).to_le_bytes()
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let first = u64::try_from(now.as_millis()).unwrap_or(0) * 1000;
        Self { side, pixels: pixels.collect(), studies: AtomicU64::new(first) }
    }

    /// A study that nobody has.
    pub(super) fn study(&self) -> Study<'_> {
        let number = self.studies.fetch_add(1, Ordering::Relaxed);
        Study { objects: self, uid: format!("2.25.{number}") }
    }
}

impl Study<'_> {
    pub(super) fn object(&self, number: u32) -> Object {
        let Self { objects: Objects { side, pixels, .. }, uid } = self;
        let instance = format!("{uid}.1.{}", number + 1);
        let mut set = DataSet::default();
        set.text((0x0008, 0x0016), *b"UI", CLASS);
        set.text((0x0008, 0x0018), *b"UI", &instance);
        set.text((0x0008, 0x0020), *b"DA", "20260101");
        set.text((0x0008, 0x0060), *b"CS", "CR");
        set.text((0x0010, 0x0010), *b"PN", "BENCH");
        set.text((0x0010, 0x0020), *b"LO", "BENCH");
        set.text((0x0018, 0x0015), *b"CS", "CHEST");
        set.text((0x0018, 0x5101), *b"CS", "PA");
        set.text((0x0020, 0x000d), *b"UI", uid);
        set.text((0x0020, 0x000e), *b"UI", &format!("{uid}.1"));
        set.text((0x0020, 0x0013), *b"IS", &(number + 1).to_string());
        set.number((0x0028, 0x0002), 1);
        set.text((0x0028, 0x0004), *b"CS", "MONOCHROME2");
        for (element, value) in
            [(0x0010, *side), (0x0011, *side), (0x0100, 16), (0x0101, 12), (0x0102, 11), (0x0103, 0)]
        {
            set.number((0x0028, element), value);
        }
        set.head((0x7fe0, 0x0010), *b"OW");
        set.0.extend_from_slice(&[0, 0]);
        set.0.extend_from_slice(&u32::try_from(pixels.len()).unwrap_or(0).to_le_bytes());
        Object { instance, parts: [set.0.into(), pixels.clone()] }
    }
}

/// Elements in explicit VR little endian.
#[derive(Debug, Default)]
struct DataSet(Vec<u8>);

impl DataSet {
    fn head(&mut self, (group, element): (u16, u16), vr: [u8; 2]) {
        self.0.extend_from_slice(&group.to_le_bytes());
        self.0.extend_from_slice(&element.to_le_bytes());
        self.0.extend_from_slice(&vr);
    }

    fn text(&mut self, tag: (u16, u16), vr: [u8; 2], text: &str) {
        self.head(tag, vr);
        let length = text.len().next_multiple_of(2);
        self.0.extend_from_slice(&u16::try_from(length).unwrap_or(0).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
        let padding = if &vr == b"UI" { 0 } else { b' ' };
        self.0.extend(std::iter::repeat_n(padding, length - text.len()));
    }

    fn number(&mut self, tag: (u16, u16), number: u16) {
        self.head(tag, *b"US");
        self.0.extend_from_slice(&[2, 0]);
        self.0.extend_from_slice(&number.to_le_bytes());
    }
}
