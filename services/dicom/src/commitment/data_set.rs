//! The data sets of a request and of its result. A request comes from outside: it is read element by element, and nothing of it
//! is believed. Pure.

use hilum_log::{CommitmentResult, InstanceReference};

use crate::uid::{is_uid, unpadded};

/// The longest data set of a request that is read, bytes.
pub(crate) const REQUEST_MAX: usize = 2 << 20;
/// As many instances can be asked for at a time; a study has some thousands at most.
const REFERENCES_MAX: usize = 10_000;
/// Sequences in sequences that are read past.
const DEPTH_MAX: u32 = 8;

const TRANSACTION: Tag = (0x0008, 0x1195);
const REFERENCED: Tag = (0x0008, 0x1199);
const FAILED: Tag = (0x0008, 0x1198);
const FAILURE_REASON: Tag = (0x0008, 0x1197);
const REFERENCED_CLASS: Tag = (0x0008, 0x1150);
const REFERENCED_INSTANCE: Tag = (0x0008, 0x1155);
const ITEM: Tag = (0xfffe, 0xe000);
const ITEM_END: Tag = (0xfffe, 0xe00d);
const SEQUENCE_END: Tag = (0xfffe, 0xe0dd);
const UNDEFINED: u32 = u32::MAX;

type Tag = (u16, u16);

/// What a sender asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitmentRequest {
    /// Transaction UID.
    pub(crate) transaction: String,
    /// The instances.
    pub(crate) references: Vec<InstanceReference>,
}

impl CommitmentRequest {
    /// Reads the data set; `None` if it is none, lacks something, or asks for too much.
    pub(crate) fn read(bytes: &[u8], is_explicit: bool) -> Option<Self> {
        let mut reader = Reader { rest: bytes, is_explicit };
        let (mut transaction, mut references) = (None, Vec::new());
        while !reader.rest.is_empty() {
            let element = reader.head()?;
            match element.tag {
                TRANSACTION => transaction = Some(reader.uid(&element)?),
                REFERENCED => references = reader.references(&element)?,
                _ => reader.skip(&element, DEPTH_MAX)?,
            }
        }
        let is_usable = (1..=REFERENCES_MAX).contains(&references.len());
        Some(Self { transaction: transaction?, references }).filter(|_| is_usable)
    }
}

/// The head of an element.
struct Element {
    tag: Tag,
    is_sequence: bool,
    length: u32,
}

struct Reader<'a> {
    rest: &'a [u8],
    is_explicit: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn head(&mut self) -> Option<Element> {
        let tag = (self.u16()?, self.u16()?);
        if tag.0 == ITEM.0 || !self.is_explicit {
            let length = self.u32()?;
            return Some(Element { tag, is_sequence: length == UNDEFINED, length });
        }
        let vr = self.take(2)?;
        let length = match vr {
            b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT"
            | b"UV" => {
                self.take(2)?;
                self.u32()?
            }
            _ => self.u16()?.into(),
        };
        Some(Element { tag, is_sequence: vr == b"SQ" || length == UNDEFINED, length })
    }

    fn value(&mut self, element: &Element) -> Option<&'a [u8]> {
        self.take(usize::try_from(element.length).ok()?)
    }

    fn uid(&mut self, element: &Element) -> Option<String> {
        let text = unpadded(std::str::from_utf8(self.value(element)?).ok()?);
        is_uid(text).then(|| text.to_owned())
    }

    /// Reads past an element and all that is in it.
    fn skip(&mut self, element: &Element, depth: u32) -> Option<()> {
        if element.length != UNDEFINED {
            self.value(element)?;
            return Some(());
        }
        let depth = depth.checked_sub(1)?;
        loop {
            let inner = self.head()?;
            match inner.tag {
                SEQUENCE_END | ITEM_END => return Some(()),
                _ => self.skip(&inner, depth)?,
            }
        }
    }

    fn references(&mut self, sequence: &Element) -> Option<Vec<InstanceReference>> {
        if !sequence.is_sequence && self.is_explicit {
            return None;
        }
        let mut items = self.inner(sequence.length)?;
        let mut references = Vec::new();
        while sequence.length == UNDEFINED || !items.rest.is_empty() {
            let item = items.head()?;
            if item.tag == SEQUENCE_END && sequence.length == UNDEFINED {
                self.rest = items.rest;
                break;
            }
            if item.tag != ITEM || references.len() == REFERENCES_MAX {
                return None;
            }
            references.push(items.reference(&item)?);
        }
        Some(references)
    }

    fn reference(&mut self, item: &Element) -> Option<InstanceReference> {
        let mut elements = self.inner(item.length)?;
        let (mut sop_class, mut sop_instance) = (None, None);
        while item.length == UNDEFINED || !elements.rest.is_empty() {
            let element = elements.head()?;
            match element.tag {
                REFERENCED_CLASS => sop_class = Some(elements.uid(&element)?),
                REFERENCED_INSTANCE => sop_instance = Some(elements.uid(&element)?),
                ITEM_END if item.length == UNDEFINED => {
                    self.rest = elements.rest;
                    break;
                }
                _ => elements.skip(&element, DEPTH_MAX)?,
            }
        }
        Some(InstanceReference { sop_class: sop_class?, sop_instance: sop_instance? })
    }

    /// What is in a sequence or an item. One of undefined length has all that follows: whoever finds its end says so.
    fn inner(&mut self, length: u32) -> Option<Self> {
        let bytes = if length == UNDEFINED { self.rest } else { self.take(usize::try_from(length).ok()?)? };
        Some(Self { rest: bytes, is_explicit: self.is_explicit })
    }
}

/// The data set that tells a result.
pub(crate) fn report(result: &CommitmentResult, is_explicit: bool) -> Vec<u8> {
    let writer = Writer { is_explicit };
    let failed = result.failed.iter().map(|(reference, reason)| writer.item(reference, Some(*reason)));
    let held = result.held.iter().map(|reference| writer.item(reference, None));
    let (failed, held): (Vec<u8>, Vec<u8>) = (failed.flatten().collect(), held.flatten().collect());
    let mut bytes = writer.uid(TRANSACTION, &result.transaction);
    if !failed.is_empty() {
        bytes.extend(writer.element(FAILED, *b"SQ", &failed));
    }
    if !held.is_empty() {
        bytes.extend(writer.element(REFERENCED, *b"SQ", &held));
    }
    bytes
}

struct Writer {
    is_explicit: bool,
}

impl Writer {
    fn element(&self, (group, element): Tag, vr: [u8; 2], value: &[u8]) -> Vec<u8> {
        let mut bytes = [group.to_le_bytes(), element.to_le_bytes()].concat();
        let length = u32::try_from(value.len()).unwrap_or(UNDEFINED).to_le_bytes();
        if self.is_explicit && group != ITEM.0 {
            bytes.extend_from_slice(&vr);
            if &vr == b"SQ" {
                bytes.extend_from_slice(&[0, 0]);
                bytes.extend_from_slice(&length);
            } else {
                bytes.extend_from_slice(&length[..2]);
            }
        } else {
            bytes.extend_from_slice(&length);
        }
        bytes.extend_from_slice(value);
        bytes
    }

    fn uid(&self, tag: Tag, uid: &str) -> Vec<u8> {
        let mut value = uid.as_bytes().to_vec();
        value.resize(uid.len().next_multiple_of(2), 0);
        self.element(tag, *b"UI", &value)
    }

    fn item(&self, reference: &InstanceReference, reason: Option<u16>) -> Vec<u8> {
        let mut bytes = self.uid(REFERENCED_CLASS, &reference.sop_class);
        bytes.extend(self.uid(REFERENCED_INSTANCE, &reference.sop_instance));
        if let Some(reason) = reason {
            bytes.extend(self.element(FAILURE_REASON, *b"US", &reason.to_le_bytes()));
        }
        self.element(ITEM, *b"SQ", &bytes)
    }
}

#[cfg(test)]
mod tests;
