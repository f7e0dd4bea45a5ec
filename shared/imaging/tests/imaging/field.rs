//! Files like those that the field sends: read with their true pixels, or refused for a reason that is true. Others of each
//! kind are made here from those in tests/data/field.

use std::fs;

use hilum_imaging::{DecodeError, DecoderPool, Preparation, RefusalCode};

use crate::support::dicom::{Elements, Form, PIXEL_DATA, Tag};
use crate::support::{data, decode, pool};

const REFERENCE: &str = "9511b524304b476679bbd7255ea79008d000256a067c6c700517a644b279afdc";
/// The same picture 300 pixels wide.
const WIDE: &str = "861cb35496b3127461fef227f193f83474d284a8145dba3e13bbbcd615b1c97b";

const READ: [(&str, &str); 14] = [
    ("d00_ref8", REFERENCE),
    ("d01d_meta_length_missing", REFERENCE),
    ("d03a_labelled_implicit_is_explicit", REFERENCE),
    ("d05a_vr_dashes", REFERENCE),
    ("d10b_private_un_sequence_undefined", REFERENCE),
    ("d21b_overlay_in_bit_12", "06908581afc07a503ad470ea9c23fd204af39f94fde8469fa314e3284e7d463a"),
    ("d23a_jpegls_zero_before_eoi", REFERENCE),
    ("d26_rle_in_1k_fragments", REFERENCE),
    ("e01a_un_undefined_items_undefined", REFERENCE),
    ("e01f_udi_sequence_as_un_undefined", REFERENCE),
    ("e02a_rows_and_columns_un", WIDE),
    ("e02c_body_part_HAND_un", WIDE),
    ("e02e_study_uid_un", WIDE),
    ("e02i_frames_un", WIDE),
];

const REFUSED: [(&str, RefusalCode, &str); 3] = [
    ("d20c_16_stored_high_bit_11", RefusalCode::UnsupportedBitDepth, "high bit 11"),
    ("d21a_10_stored_values_12_bits", RefusalCode::ValueOutOfRange, "10 bits"),
    ("d22h_stored12_jpegls_8bit", RefusalCode::SizeMismatch, "8 bits per sample, the header says 12"),
];

fn field(name: &str) -> Vec<u8> {
    fs::read(data("field").join(format!("{name}.dcm"))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

async fn digest(pool: &DecoderPool, bytes: &[u8]) -> Result<String, DecodeError> {
    decode(pool, bytes).await.map(|picture| picture.pixel_digest().to_string())
}

/// The reason, without the sentence that is always the same.
async fn reason(pool: &DecoderPool, bytes: &[u8]) -> (RefusalCode, String) {
    match decode(pool, bytes).await {
        Err(DecodeError::Refused(refusal)) => (refusal.code, refusal.to_string()),
        other => {
            let size = other.map(|picture| (picture.width(), picture.height()));
            panic!("expected a refusal, found {size:?}")
        }
    }
}

/// Replaces `from`, which must be there once.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at: Vec<usize> = (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert_eq!(at.len(), 1, "{from:?}");
    [&bytes[..at[0]], to, &bytes[at[0] + from.len()..]].concat()
}

#[tokio::test]
async fn every_file_of_the_field_has_its_pixels_or_the_reason_why_not() {
    let pool = pool();
    for (name, expected) in READ {
        let found = digest(&pool, &field(name)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found, expected, "{name}");
        assert!(pool.inspect(&field(name)).await.is_ok(), "{name}");
        assert!(pool.study_header(&field(name)).await.is_ok(), "{name}");
    }
    for (name, code, text) in REFUSED {
        let (found, reason) = reason(&pool, &field(name)).await;
        assert_eq!(found, code, "{name}");
        assert!(reason.contains(text), "{name}: {reason}");
    }
}

#[tokio::test]
async fn codes_and_identifiers_without_a_representation_are_those_that_are_written() {
    let pool = pool();
    let preparation = Preparation::default();
    let bytes = field("e02c_body_part_HAND_un");
    let hand = pool.prepare(hilum_events::MediaType::Dicom, &bytes, &preparation).await.unwrap();
    assert_eq!(hand.header.unwrap().body_part, hilum_headers::HeaderValue::of("HAND"));
    let identity = pool.inspect(&field("e02e_study_uid_un")).await.unwrap().identity;
    let header = pool.study_header(&field("e02e_study_uid_un")).await.unwrap();
    assert_eq!(identity.study_instance_uid, header.study_instance_uid);
    for representation in [b"UN", b"OB", b"OW"] {
        let modality = [&b"\x08\0\x60\0"[..], representation, b"\0\0\x02\0\0\0US"].concat();
        let bytes = replaced(&field("d00_ref8"), b"\x08\0\x60\0CS\x02\0CR", &modality);
        assert_eq!(pool.inspect(&bytes).await.unwrap().identity.modality.as_deref(), Some("US"));
        let uid = replaced(
            &field("d00_ref8"),
            b"\x10\0\x20\0LO\x06\0",
            &[&b"\x10\0\x20\0"[..], representation, b"\0\0\x06\0\0\0"].concat(),
        );
        assert_eq!(pool.study_header(&uid).await.unwrap().patient_id.as_bytes(), b"T-0001");
    }
}

/// Each number of the header in turn, and all at once.
#[tokio::test]
async fn numbers_in_another_representation_are_the_same_numbers_or_refused() {
    let pool = pool();
    let numbers: [(u8, u8); 7] = [(2, 0), (0x10, 0), (0x11, 0), (0, 1), (1, 1), (2, 1), (3, 1)];
    let original = |(low, high): (u8, u8)| {
        let file = field("d00_ref8");
        let header = [0x28, 0, low, high, b'U', b'S', 2, 0];
        let at = file.windows(8).position(|window| window == header).unwrap();
        (header, [file[at + 8], file[at + 9]])
    };
    for representation in [b"UN", b"OB", b"OW"] {
        let mut all = field("d00_ref8");
        for number in numbers {
            let (header, value) = original(number);
            let other = [&header[..4], representation, &[0, 0, 2, 0, 0, 0], &value].concat();
            let was = [&header[..], &value].concat();
            let one = replaced(&field("d00_ref8"), &was, &other);
            assert_eq!(digest(&pool, &one).await.unwrap(), REFERENCE, "{number:?}");
            all = replaced(&all, &was, &other);
            // A byte, three and two numbers are not the first byte or number of them.
            for odd in [&value[..1], &[value[0], value[1], 0], &[value[0], value[1], 1, 0]] {
                let len = (odd.len() as u32).to_le_bytes();
                let odd = [&header[..4], representation, &[0, 0], &len, odd].concat();
                let (code, reason) = reason(&pool, &replaced(&field("d00_ref8"), &was, &odd)).await;
                assert_eq!(code, RefusalCode::Damaged, "{number:?}: {reason}");
            }
        }
        assert_eq!(digest(&pool, &all).await.unwrap(), REFERENCE);
        let rows = [&b"\x28\0\x10\0"[..], b"IS\x04\x00302 "].concat();
        let text = replaced(&field("d00_ref8"), b"\x28\0\x10\0US\x02\0\x2E\x01", &rows);
        assert_eq!(digest(&pool, &text).await.unwrap(), REFERENCE);
    }
}

#[tokio::test]
async fn pixel_data_of_another_picture_than_the_header_says_is_refused() {
    let pool = pool();
    let grey = Form { allocated: 8, stored: 8, signed: false };
    let row = |values: usize| Elements::row(grey, &vec![7; values]);
    for (pixels, needed) in [(300usize, 100usize), (200, 100), (800, 100), (160, 100), (98, 100)] {
        let bytes = row(needed).long(PIXEL_DATA, "OB", &vec![7; pixels]).file();
        assert_eq!(reason(&pool, &bytes).await.0, RefusalCode::SizeMismatch, "{pixels} of {needed}");
    }
    for padded in [100, 102, 128] {
        let bytes = row(100).long(PIXEL_DATA, "OB", &vec![7; padded]).file();
        assert_eq!(decode(&pool, &bytes).await.unwrap().width(), 100, "{padded}");
    }
}

/// The fragment with the codestream of a file that has one.
fn codestream(file: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let begin = b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\0\0\0\0";
    let at = file.windows(begin.len()).position(|window| window == begin).unwrap() + begin.len();
    let (mut stream, mut rest) = (Vec::new(), &file[at..]);
    while rest.starts_with(&[0xFE, 0xFF, 0, 0xE0]) {
        let len = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        stream.extend_from_slice(&rest[8..8 + len]);
        rest = &rest[8 + len..];
    }
    (file[..at].to_vec(), stream)
}

fn in_fragments(head: &[u8], stream: &[u8], size: usize) -> Vec<u8> {
    let mut stream = stream.to_vec();
    stream.resize(stream.len().next_multiple_of(2), 0);
    let fragment = |part: &[u8]| [&b"\xFE\xFF\0\xE0"[..], &(part.len() as u32).to_le_bytes(), part].concat();
    [head.to_vec(), stream.chunks(size).flat_map(fragment).collect(), b"\xFE\xFF\xDD\xE0\0\0\0\0".to_vec()]
        .concat()
}

#[tokio::test]
async fn a_frame_in_fragments_of_any_size_is_one_frame() {
    let pool = pool();
    for name in ["d26_rle_in_1k_fragments", "d23a_jpegls_zero_before_eoi"] {
        let (head, stream) = codestream(&field(name));
        for size in [2, 62, 4096, usize::MAX - 1] {
            let bytes = in_fragments(&head, &stream, size);
            assert_eq!(digest(&pool, &bytes).await.unwrap(), REFERENCE, "{name} in {size} bytes");
        }
    }
    // Two frames are not one, whatever the header says of their number.
    for name in ["d26_rle_in_1k_fragments", "d23a_jpegls_zero_before_eoi"] {
        let (head, stream) = codestream(&field(name));
        let twice = [&stream[..], &vec![0; stream.len() % 2], &stream].concat();
        let (code, reason) = reason(&pool, &in_fragments(&head, &twice, twice.len() / 2)).await;
        let expected =
            if name.starts_with("d26") { RefusalCode::SizeMismatch } else { RefusalCode::MultiFrame };
        assert_eq!(code, expected, "{name}: {reason}");
    }
    // Half of a frame is not a whole one.
    let (head, stream) = codestream(&field("d26_rle_in_1k_fragments"));
    let half = in_fragments(&head, &stream[..stream.len() / 2], 1024);
    assert_eq!(reason(&pool, &half).await.0, RefusalCode::SizeMismatch);
}

#[tokio::test]
async fn jpeg_ls_with_bytes_that_fill_up_before_its_markers_is_read() {
    let pool = pool();
    let (head, stream) = codestream(&field("d23a_jpegls_zero_before_eoi"));
    let end = stream.windows(2).rposition(|pair| pair == [0xFF, 0xD9]).unwrap();
    let tidy = stream[..end].strip_suffix(&[0]).unwrap();
    let scan = tidy.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    let frame = tidy.windows(2).position(|pair| pair == [0xFF, 0xF7]).unwrap();
    let with = |before_frame: &[u8], before_scan: &[u8], before_end: &[u8]| {
        [
            &tidy[..frame],
            before_frame,
            &tidy[frame..scan],
            before_scan,
            &tidy[scan..],
            before_end,
            &[0xFF, 0xD9],
        ]
        .concat()
    };
    let fill = [0xFF; 3];
    let streams = [
        with(&[], &[], &[]),
        with(&fill, &[], &[]),
        with(&[], &fill, &[]),
        with(&[], &[], &fill),
        with(&fill, &fill, &[0, 0xFF]),
        with(&[], &[], &[0]),
        with(&[], &[], &[0, 0]),
        with(&[], &[], &[0; 3]),
        with(&[], &[], &[0; 7]),
    ];
    for (number, stream) in streams.into_iter().enumerate() {
        let found = digest(&pool, &in_fragments(&head, &stream, 1 << 20)).await;
        assert_eq!(found.unwrap_or_else(|error| panic!("{number}: {error}")), REFERENCE, "{number}");
    }
    // A scan that ends early is no picture.
    let cut = [&tidy[..tidy.len() - 40], &[0, 0, 0, 0xFF, 0xD9]].concat();
    assert_eq!(reason(&pool, &in_fragments(&head, &cut, 1 << 20)).await.0, RefusalCode::Damaged);
}

#[tokio::test]
async fn unsigned_values_above_the_stored_bits_are_refused_in_every_encoding() {
    let pool = pool();
    for encoded in
        ["explicit", "implicit", "big_endian", "deflated", "rle", "jpeg_lossless_sv1", "jpeg_ls", "jpeg_2000"]
    {
        let file = fs::read(data("encodings").join(format!("grey12_{encoded}.dcm"))).unwrap();
        let bits = |stored: u16, high: u16| {
            let (mut bytes, is_big) = (file.clone(), encoded == "big_endian");
            for (element, old, new) in [(0x0101u16, 12u16, stored), (0x0102, 11, high)] {
                let word = |number: u16| if is_big { number.to_be_bytes() } else { number.to_le_bytes() };
                let tag = [word(0x28), word(element)].concat();
                let long = [&tag[..], &2u32.to_le_bytes(), &word(old)].concat();
                let short = [&tag[..], b"US", &word(2), &word(old)].concat();
                let found = bytes.windows(10).position(|window| window == long || window == short)?;
                bytes[found + 8..found + 10].copy_from_slice(&word(new));
            }
            Some(bytes)
        };
        // Of the deflated file no byte can be changed.
        let Some(fewer) = bits(10, 9) else {
            assert_eq!(encoded, "deflated");
            continue;
        };
        assert_eq!(reason(&pool, &fewer).await.0, RefusalCode::ValueOutOfRange, "{encoded}");
        let (code, reason) = reason(&pool, &bits(12, 15).unwrap()).await;
        assert_eq!(code, RefusalCode::UnsupportedBitDepth);
        assert!(reason.contains("high bit 15"), "{encoded}: {reason}");
    }
}

#[tokio::test]
async fn a_codestream_of_fewer_bits_than_are_stored_is_refused_with_both() {
    let pool = pool();
    for encoded in [
        "jpeg_ls",
        "jpeg_2000",
        "jpeg_lossless_sv1",
        "jpeg_ls_near",
        "jpeg_2000_lossy",
        "jpeg_baseline",
        "rle",
    ] {
        let Ok(file) = fs::read(data("encodings").join(format!("grey8_{encoded}.dcm"))) else { continue };
        let mut wide = file;
        for (element, old, new) in [(0u8, 8u8, 16u8), (1, 8, 12), (2, 7, 11)] {
            let header = [0x28, 0, element, 1, b'U', b'S', 2, 0, old, 0];
            wide = replaced(&wide, &header, &[&header[..8], &[new, 0]].concat());
        }
        let (code, reason) = reason(&pool, &wide).await;
        assert_eq!(code, RefusalCode::SizeMismatch, "{encoded}");
        let texts = if encoded == "rle" {
            ["1 bytes per sample", "says 2"]
        } else {
            ["8 bits per sample", "12 bits stored"]
        };
        assert!(texts.iter().all(|text| reason.contains(text)), "{encoded}: {reason}");
    }
}

#[tokio::test]
async fn overlays_lie_where_the_header_says_and_nowhere_else() {
    const POSITION: Tag = (0x6002, 0x0102);
    const OVERLAY_DATA: Tag = (0x6002, 0x3000);
    let pool = pool();
    let row = || Elements::row(Form { allocated: 16, stored: 12, signed: false }, &[5, 4095 | 1 << 14]);
    let values = async |elements: &Elements| {
        decode(&pool, &elements.file()).await.map(|it| it.samples().iter().collect::<Vec<_>>())
    };
    assert_eq!(values(&row().words(POSITION, "US", &[14])).await.unwrap(), [5, 4095]);
    let elsewhere = row().words(POSITION, "US", &[13]);
    let with_data = row().words(POSITION, "US", &[14]).long(OVERLAY_DATA, "OW", &[0; 2]);
    for elements in [row(), elsewhere, with_data, row().words(POSITION, "US", &[0])] {
        assert_eq!(reason(&pool, &elements.file()).await.0, RefusalCode::ValueOutOfRange);
    }
}
