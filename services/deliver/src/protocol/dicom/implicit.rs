//! The same data set in implicit VR little endian (PS3.5, 7.1.3), which every receiver takes. Made of data sets that Hilum
//! wrote in explicit VR little endian; uploaded ones are never read here.

/// Explicit VR little endian.
pub(super) const EXPLICIT: &str = "1.2.840.10008.1.2.1";
/// Implicit VR little endian, the default of every association.
pub(super) const IMPLICIT: &str = "1.2.840.10008.1.2";

/// Value representations with a length of four bytes (PS3.5, 7.1.2).
const LONG: [&[u8; 2]; 13] =
    [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"];
const UNDEFINED: u32 = u32::MAX;
const ITEM: [u8; 4] = [0xfe, 0xff, 0x00, 0xe0];
const ITEM_END: [u8; 4] = [0xfe, 0xff, 0x0d, 0xe0];
const SEQUENCE_END: [u8; 4] = [0xfe, 0xff, 0xdd, 0xe0];
const CUT: &str = "its data set is cut";
/// Sequences within sequences.
const DEPTH_MAX: usize = 32;

/// Where a run of elements or items ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// With the bytes.
    End,
    /// With a mark, which is taken.
    Mark,
}

/// Writes `dataset` anew. Sequences and items get undefined lengths.
pub(super) fn to_implicit(dataset: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut implicit = Vec::with_capacity(dataset.len());
    let mut rest = dataset;
    elements(&mut rest, Until::End, &mut implicit, 0)?;
    Ok(implicit)
}

fn elements(
    rest: &mut &[u8],
    until: Until,
    implicit: &mut Vec<u8>,
    depth: usize,
) -> Result<(), &'static str> {
    loop {
        if rest.is_empty() {
            return if until == Until::End { Ok(()) } else { Err(CUT) };
        }
        let tag: [u8; 4] = array(rest)?;
        if tag == ITEM_END && until == Until::Mark {
            array::<4>(rest)?;
            return Ok(());
        }
        let vr: [u8; 2] = array(rest)?;
        let length = if LONG.contains(&&vr) {
            array::<2>(rest)?;
            u32::from_le_bytes(array(rest)?)
        } else {
            u32::from(u16::from_le_bytes(array(rest)?))
        };
        implicit.extend_from_slice(&tag);
        if &vr == b"SQ" {
            sequence(rest, length, implicit, depth + 1)?;
        } else if length == UNDEFINED {
            return Err("its pixel data is compressed");
        } else {
            implicit.extend_from_slice(&length.to_le_bytes());
            implicit.extend_from_slice(slice(rest, length)?);
        }
    }
}

fn sequence(rest: &mut &[u8], length: u32, implicit: &mut Vec<u8>, depth: usize) -> Result<(), &'static str> {
    if depth > DEPTH_MAX {
        return Err("its sequences are too deep");
    }
    implicit.extend_from_slice(&UNDEFINED.to_le_bytes());
    if length == UNDEFINED {
        items(rest, Until::Mark, implicit, depth)?;
    } else {
        items(&mut slice(rest, length)?, Until::End, implicit, depth)?;
    }
    implicit.extend_from_slice(&SEQUENCE_END);
    implicit.extend_from_slice(&[0; 4]);
    Ok(())
}

fn items(rest: &mut &[u8], until: Until, implicit: &mut Vec<u8>, depth: usize) -> Result<(), &'static str> {
    loop {
        if rest.is_empty() {
            return if until == Until::End { Ok(()) } else { Err(CUT) };
        }
        let tag: [u8; 4] = array(rest)?;
        let length = u32::from_le_bytes(array(rest)?);
        if tag == SEQUENCE_END && until == Until::Mark {
            return Ok(());
        }
        if tag != ITEM {
            return Err("a sequence of it holds something else than items");
        }
        implicit.extend_from_slice(&ITEM);
        implicit.extend_from_slice(&UNDEFINED.to_le_bytes());
        if length == UNDEFINED {
            elements(rest, Until::Mark, implicit, depth)?;
        } else {
            elements(&mut slice(rest, length)?, Until::End, implicit, depth)?;
        }
        implicit.extend_from_slice(&ITEM_END);
        implicit.extend_from_slice(&[0; 4]);
    }
}

fn array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], &'static str> {
    let (head, tail) = rest.split_first_chunk().ok_or(CUT)?;
    *rest = tail;
    Ok(*head)
}

fn slice<'a>(rest: &mut &'a [u8], length: u32) -> Result<&'a [u8], &'static str> {
    let length = usize::try_from(length).map_err(|_| CUT)?;
    let (head, tail) = rest.split_at_checked(length).ok_or(CUT)?;
    *rest = tail;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An element with a length of two bytes.
    fn short(tag: [u8; 4], vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap().to_le_bytes();
        [&tag[..], vr, &length, value].concat()
    }

    fn long(tag: [u8; 4], vr: &[u8; 2], length: u32, value: &[u8]) -> Vec<u8> {
        [&tag[..], vr, &[0, 0], &length.to_le_bytes(), value].concat()
    }

    fn marked(tag: [u8; 4], length: u32, value: &[u8]) -> Vec<u8> {
        [&tag[..], &length.to_le_bytes(), value].concat()
    }

    const CODE: [u8; 4] = [0x08, 0x00, 0x00, 0x01];
    const CONCEPTS: [u8; 4] = [0x40, 0x00, 0x43, 0xa0];
    const DOCUMENT: [u8; 4] = [0x42, 0x00, 0x11, 0x00];

    /// A sequence of one item, with lengths or with marks.
    fn sequence_of(item: &[u8], with_marks: bool) -> Vec<u8> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        if with_marks {
            let item = [marked(ITEM, UNDEFINED, item), marked(ITEM_END, 0, &[])].concat();
            let items = [item, marked(SEQUENCE_END, 0, &[])].concat();
            return long(CONCEPTS, b"SQ", UNDEFINED, &items);
        }
        let item = marked(ITEM, length(item), item);
        long(CONCEPTS, b"SQ", length(&item), &item)
    }

    #[test]
    fn sequences_with_lengths_and_with_marks_become_the_same() {
        let code = short(CODE, b"SH", b"R-1 ");
        let expected_code = marked(CODE, 4, b"R-1 ");
        let expected = {
            let item = [marked(ITEM, UNDEFINED, &expected_code), marked(ITEM_END, 0, &[])].concat();
            let sequence = marked(CONCEPTS, UNDEFINED, &[item, marked(SEQUENCE_END, 0, &[])].concat());
            [sequence, marked(DOCUMENT, 4, b"%PDF")].concat()
        };
        for with_marks in [false, true] {
            let explicit = [sequence_of(&code, with_marks), long(DOCUMENT, b"OB", 4, b"%PDF")].concat();
            assert_eq!(to_implicit(&explicit).unwrap(), expected, "{with_marks}");
        }
    }

    #[test]
    fn what_is_cut_compressed_or_too_deep_is_refused() {
        let whole = sequence_of(&short(CODE, b"SH", b"R-1 "), true);
        for length in 1..whole.len() {
            assert!(to_implicit(&whole[..length]).is_err(), "{length} bytes");
        }
        assert!(to_implicit(&long(DOCUMENT, b"OB", UNDEFINED, &[])).is_err());
        let deep = (0..40).fold(short(CODE, b"SH", b"R-1 "), |inner, _| sequence_of(&inner, false));
        assert_eq!(to_implicit(&deep), Err("its sequences are too deep"));
    }
}
