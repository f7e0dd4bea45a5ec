//! Everything that the door reads of a request before an object: what the fuzz target calls. Knows no fuzzer.

use bytes::BytesMut;

use crate::media::{Content, answer, content, is_object};
use crate::multipart::{Garbled, Parts, Piece};

/// Reads `bytes` as a request: the first line is its Content-Type and its Accept, the next byte says in what pieces the body comes that
/// is the rest.
///
/// # Panics
/// When the pieces decide what is read.
pub fn multipart(bytes: &[u8]) {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let Ok(media_type) = std::str::from_utf8(&bytes[..end]) else { return };
    let _ = answer(Some(media_type));
    let Ok(Content::Parts { boundary }) = content(Some(media_type)) else { return };
    let Some((piece, body)) = bytes[end + 1..].split_first() else { return };
    let whole = parts_of(&boundary, body, body.len().max(1));
    let in_pieces = parts_of(&boundary, body, usize::from(*piece) + 1);
    assert!(whole == in_pieces, "the pieces decide what is read");
}

/// A part: whether it is an object, its bytes, and whether it is whole.
type Part = (bool, BytesMut, bool);

/// The parts of a body that comes `piece` bytes at a time, whether it came to its end, and the fault that it has.
fn parts_of(boundary: &str, body: &[u8], piece: usize) -> (Vec<Part>, bool, Option<Garbled>) {
    let (mut framer, mut parts) = (Parts::of(boundary), Vec::<Part>::new());
    for piece in body.chunks(piece) {
        framer.feed(piece);
        loop {
            match framer.next() {
                Ok(Some(piece)) => add(&mut parts, piece),
                Ok(None) => break,
                Err(garbled) => return (parts, false, Some(garbled)),
            }
        }
    }
    (parts, framer.is_done(), None)
}

fn add(parts: &mut Vec<Part>, piece: Piece) {
    match (piece, parts.last_mut()) {
        (Piece::Begin(headers), _) => {
            let content_type = headers.iter().find(|(name, _)| name == "content-type");
            let is_object = is_object(content_type.map(|(_, value)| value.as_str()));
            parts.push((is_object, BytesMut::new(), false));
        }
        (Piece::Data(data), Some((_, bytes, false))) => bytes.extend_from_slice(&data),
        (Piece::End, Some((_, _, is_whole @ false))) => *is_whole = true,
        (Piece::Last, last) => assert!(last.is_none_or(|(_, _, is_whole)| *is_whole), "a part has no end"),
        (piece, _) => panic!("{piece:?} of no part"),
    }
}

/// The short form of `make fuzz`, without a sanitizer.
#[cfg(test)]
mod tests {
    use hilum_test_log::spoilt_files;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn spoilt_requests_are_understood_or_refused(bytes in spoilt_files("tests/fuzz/seeds/multipart")) {
            multipart(&bytes);
        }
    }

    #[test]
    fn long_preambles_and_long_delimiters_are_refused_in_whatever_pieces_they_come() {
        let wanted = |before: usize, spaces: usize| {
            [&b" ".repeat(before)[..], b"\r\n--b", &b" ".repeat(spaces), b"\r\n\r\nx\r\n--b--"].concat()
        };
        for len in [0, 16_300, 16_382, 16_384, 16_386, 20_000] {
            for body in [wanted(len, 0), wanted(0, len)] {
                let whole = parts_of("b", &body, body.len());
                for piece in [50, 8192] {
                    assert_eq!(parts_of("b", &body, piece), whole, "{len} {piece}");
                }
                assert_eq!(whole.2.is_some(), len > 16_382, "{len}");
            }
        }
    }
}
