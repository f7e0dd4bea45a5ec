//! What parts are made of bodies, in whatever pieces they come.

use proptest::prelude::*;

use super::*;

/// The parts of a body that comes in these pieces, and whether it came to its end.
fn parts_of(boundary: &str, pieces: &[&[u8]]) -> Result<(Vec<Part>, bool), Garbled> {
    let mut framer = Parts::of(boundary);
    let mut parts: Vec<Part> = Vec::new();
    for piece in pieces {
        framer.feed(piece);
        while let Some(piece) = framer.next()? {
            match piece {
                Piece::Begin(headers) => parts.push(Part { headers, bytes: Vec::new(), is_whole: false }),
                Piece::Data(bytes) => parts.last_mut().unwrap().bytes.extend_from_slice(&bytes),
                Piece::End => parts.last_mut().unwrap().is_whole = true,
                Piece::Last => {}
            }
        }
        // Nothing is kept beyond a head and a delimiter.
        assert!(framer.came.len() <= HEAD_MAX + 100, "{}", framer.came.len());
    }
    Ok((parts, framer.is_done()))
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    headers: Vec<(String, String)>,
    bytes: Vec<u8>,
    is_whole: bool,
}

fn part(headers: &[(&str, &str)], bytes: &[u8]) -> Part {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Part { headers, bytes: bytes.to_vec(), is_whole: true }
}

#[test]
fn parts_have_headers_in_any_case_or_none_and_bytes_of_any_kind() {
    let body = b"--b\r\nContent-Type: application/dicom\r\nX-Y:z\r\n\r\nfirst\r\n--\r\n-b\r\n--b  \r\n\r\n\r\n--b\r\nCONTENT-TYPE:a/b\r\n\r\n--b\r\n--b--\r\nrest";
    let (parts, is_done) = parts_of("b", &[body]).unwrap();
    assert!(is_done);
    assert_eq!(
        parts,
        [
            part(&[("content-type", "application/dicom"), ("x-y", "z")], b"first\r\n--\r\n-b"),
            part(&[], b""),
            part(&[("content-type", "a/b")], b"--b"),
        ]
    );
}

#[test]
fn a_body_that_breaks_off_leaves_its_last_part_open() {
    let (parts, is_done) = parts_of("b", &[b"--b\r\n\r\nwhole\r\n--b\r\n\r\nopen\r\n--"]).unwrap();
    assert_eq!((parts[0].is_whole, parts[1].is_whole, is_done), (true, false, false));
    assert_eq!(parts[1].bytes, b"open");
    assert_eq!(parts_of("b", &[]).unwrap(), (vec![], false));
    assert_eq!(parts_of("b", &[b"--b--"]).unwrap(), (vec![], true));
}

#[test]
fn what_is_no_multipart_body_is_refused_before_much_of_it_is_kept() {
    let long = vec![b'x'; 1000];
    let endless = |begin: &[u8]| {
        let mut pieces = vec![begin];
        pieces.extend(std::iter::repeat_n(&long[..], 100));
        parts_of("b", &pieces).unwrap_err()
    };
    assert_eq!(endless(b""), Garbled::NoBoundary);
    assert_eq!(endless(b"--b\r\nname: "), Garbled::Head);
    assert_eq!(endless(b"--b"), Garbled::Delimiter);
    assert_eq!(parts_of("b", &[b"--b\r\nno colon\r\n\r\n"]).unwrap_err(), Garbled::Head);
    assert_eq!(
        parts_of("b", &[&[b"--b"[..].to_vec(), vec![b' '; 40_000]].concat()]).unwrap_err(),
        Garbled::Delimiter
    );
}

proptest! {
    #[test]
    fn a_body_makes_the_same_parts_in_whatever_pieces_it_comes(
        bodies in prop::collection::vec(prop::collection::vec(prop::sample::select(b"\r\n-bx\0".to_vec()), 0..40), 0..5),
        cuts in prop::collection::vec(0_usize..400, 0..30),
    ) {
        let mut body = Vec::new();
        for bytes in &bodies {
            body.extend_from_slice(b"\r\n--bound\r\ncontent-type: a\r\n\r\n");
            body.extend_from_slice(bytes);
        }
        body.extend_from_slice(b"\r\n--bound--\r\n");
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % body.len()).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
        let expected: Vec<Part> = bodies.iter().map(|bytes| part(&[("content-type", "a")], bytes)).collect();
        prop_assert_eq!(parts_of("bound", &pieces), Ok((expected, true)));
    }

    #[test]
    fn any_bytes_are_parts_or_refused(
        bytes in prop::collection::vec(prop::sample::select(b"\r\n-b: \0\xff".to_vec()), 0..600), cut in 0_usize..600,
    ) {
        let (first, rest) = bytes.split_at(cut.min(bytes.len()));
        let _ = parts_of("b", &[first, rest]);
    }
}
