//! A DICOM file that Hilum made itself, cut into what a C-STORE request says of it and the data set (PS3.10, 7.1). Files
//! that were uploaded are never read here.

/// The parts of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part10<'a> {
    pub(super) sop_class: &'a str,
    pub(super) sop_instance: &'a str,
    pub(super) transfer_syntax: &'a str,
    pub(super) dataset: &'a [u8],
}

const PREAMBLE: usize = 128;
const META_GROUP: [u8; 2] = [0x02, 0x00];
/// Value representations with a length of four bytes (PS3.5, 7.1.2).
const LONG: [&[u8]; 2] = [b"OB", b"UN"];

impl<'a> Part10<'a> {
    /// Cuts the file. Meta information is in explicit VR little endian.
    pub(super) fn read(file: &'a [u8]) -> Result<Self, &'static str> {
        const CUT: &str = "its meta information is cut";
        let (_, rest) = file.split_at_checked(PREAMBLE).ok_or("it is too short")?;
        let mut rest = rest.strip_prefix(b"DICM").ok_or("the mark DICM is missing")?;
        let (mut sop_class, mut sop_instance, mut transfer_syntax) = (None, None, None);
        while rest.starts_with(&META_GROUP) {
            let (head, tail) = rest.split_at_checked(8).ok_or(CUT)?;
            let (length, tail) = if LONG.contains(&&head[4..6]) {
                let (length, tail) = tail.split_at_checked(4).ok_or(CUT)?;
                (u32::from_le_bytes([length[0], length[1], length[2], length[3]]), tail)
            } else {
                (u32::from(u16::from_le_bytes([head[6], head[7]])), tail)
            };
            let length = usize::try_from(length).map_err(|_| CUT)?;
            let (value, tail) = tail.split_at_checked(length).ok_or(CUT)?;
            let text = || std::str::from_utf8(value).ok().map(|text| text.trim_end_matches(['\0', ' ']));
            match u16::from_le_bytes([head[2], head[3]]) {
                0x0002 => sop_class = text(),
                0x0003 => sop_instance = text(),
                0x0010 => transfer_syntax = text(),
                _ => {}
            }
            rest = tail;
        }
        Ok(Self {
            sop_class: sop_class.ok_or("its SOP class is missing")?,
            sop_instance: sop_instance.ok_or("its SOP instance is missing")?,
            transfer_syntax: transfer_syntax.ok_or("its transfer syntax is missing")?,
            dataset: rest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(number: u16, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x02, 0x00];
        bytes.extend(number.to_le_bytes());
        bytes.extend(vr);
        if LONG.contains(&&vr[..]) {
            bytes.extend([0, 0]);
            bytes.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        } else {
            bytes.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
        }
        bytes.extend(value);
        bytes
    }

    fn file(elements: &[Vec<u8>], dataset: &[u8]) -> Vec<u8> {
        [&[0; PREAMBLE][..], b"DICM", &elements.concat(), dataset].concat()
    }

    fn whole() -> Vec<Vec<u8>> {
        vec![
            element(0x0001, b"OB", &[0, 1]),
            element(0x0002, b"UI", b"1.2.3\0"),
            element(0x0003, b"UI", b"1.2.3.4\0"),
            element(0x0010, b"UI", b"1.2.840.10008.1.2.1\0"),
        ]
    }

    #[test]
    fn a_file_is_cut_behind_its_meta_information() {
        let dataset = [0x08, 0x00, 0x05, 0x00];
        let file = file(&whole(), &dataset);
        let part10 = Part10::read(&file).unwrap();
        assert_eq!((part10.sop_class, part10.sop_instance), ("1.2.3", "1.2.3.4"));
        assert_eq!((part10.transfer_syntax, part10.dataset), ("1.2.840.10008.1.2.1", &dataset[..]));
    }

    #[test]
    fn a_file_that_lacks_something_says_what() {
        for (missing, told) in [(1, "SOP class"), (2, "SOP instance"), (3, "transfer syntax")] {
            let mut elements = whole();
            elements.remove(missing);
            let error = Part10::read(&file(&elements, &[])).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
        let whole = file(&whole(), &[]);
        for length in 0..whole.len() {
            assert!(Part10::read(&whole[..length]).is_err(), "{length} bytes");
        }
    }
}
