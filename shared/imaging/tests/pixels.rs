//! Decoded pixels are those that Pillow and pydicom give, and what must not be read is refused for the right reason.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod support;

use hilum_imaging::{DecodeError, Picture, RefusalCode, Samples};
use support::{decode, image, pool, refusal};

/// SHA-256 in the form of [`Picture::pixel_digest`], computed from what Pillow 13 and pydicom 3.0.2 (with pylibjpeg)
/// decode.
const REFERENCE: [(&str, &str); 29] = [
    ("693_J2KI.dcm", "54520e5371f85d9ad4e682f1afce702d13fe21c2d23755e30f9042b59e153dfa"),
    ("CT_small.dcm", "6f1811e5dc61ed1485389073c6e6990dfe8ef8f40f97e6d1f0578a3ce90d85f9"),
    ("J2K_pixelrep_mismatch.dcm", "d913d57a833df823e42f8fdea2299cbc8abd1f64ab648f81d78ef690b60fd435"),
    ("JPEGLSNearLossless_08.dcm", "27009ea58fc0409071e4a11cd2d76d68ab2d215d94fd68de3a176356ca60f27d"),
    ("MR_small.dcm", "c56615a63f60117739c4158058f382505ffbfe14855239d68174967cb81d99e6"),
    ("MR_small_RLE.dcm", "c56615a63f60117739c4158058f382505ffbfe14855239d68174967cb81d99e6"),
    ("MR_small_expb.dcm", "c56615a63f60117739c4158058f382505ffbfe14855239d68174967cb81d99e6"),
    ("MR_small_implicit.dcm", "c56615a63f60117739c4158058f382505ffbfe14855239d68174967cb81d99e6"),
    ("MR_small_jp2klossless.dcm", "c56615a63f60117739c4158058f382505ffbfe14855239d68174967cb81d99e6"),
    ("MR_small_jpeg_ls_lossless.dcm", "c56615a63f60117739c4158058f382505ffbfe14855239d68174967cb81d99e6"),
    ("MR_small_padded.dcm", "c56615a63f60117739c4158058f382505ffbfe14855239d68174967cb81d99e6"),
    ("basn0g01.png", "06e7e1cbb66150bc7df19901319044aac41580be31c2640070fa4fb6c009e3ad"),
    ("basn0g16.png", "55fb6b153cdc4c3991bfb4ca7ee686ef338ccc513986e9e419ff509e8633d2a8"),
    ("basn3p08.png", "ffd66d61b9db38a04bbcb9822f163f9b793e1c92a75e4e0756ac46aac183fc35"),
    ("basn6a08.png", "9b86795a5fb813aedd10bb98c2e46c289d345301e365e04bda2202eeca59cd7e"),
    ("chest_mhh_19073f37.dcm", "f3f00dbb61562fc7682dc22cef692ee9d7804a188d65c34e7d43037b69804b5c"),
    ("chest_mhh_5f619d7e_jpegls.dcm", "e592ae6b7e4b3ce050c287c6e85de09f3bc10e7cedd8cfe42089c2d213c63bb4"),
    ("hopper_gray.jpg", "f70ac7a97d9ff1e56667cb64e929b3ef89920adb55a5f11eb20d4406bbb7489f"),
    ("icc-after-SOF.jpg", "5dc0c109f9e56dadea797d3a3cb21a7afdbf13422b2ea1f78e01582950d511a9"),
    ("image_dfl.dcm", "26743e94ff896b0056579925ebe992ec1e8571f71a039508f96e32f02e36c68a"),
    ("jpeg_ff00_header.jpg", "f62e81b0a5dd3e5ead2738effa6131e4f41da3c9e5f90391416d31190e187c76"),
    ("mhh_1479fa94.png", "1a30d5f2f24ff52e4f9d427cf787c44bd5cfb7f457d51eea3550813f18ef45c7"),
    ("mhh_19073f37.png", "f3f00dbb61562fc7682dc22cef692ee9d7804a188d65c34e7d43037b69804b5c"),
    ("mhh_19073f37_rgb420_q85.jpg", "501b5bab8dd968c3011b1bc164e6344b7367d34ea58b62bda5562c38db769168"),
    ("mhh_5f619d7e.png", "e592ae6b7e4b3ce050c287c6e85de09f3bc10e7cedd8cfe42089c2d213c63bb4"),
    ("mhh_5f619d7e_progressive_q85.jpg", "a6d5b001f7109bd91add68e46ad4f0eb58e3886758a12ae08e46a18023049b95"),
    ("mhh_90070cbc_gray_q40.jpg", "1a75af4ef69d9db68e721af92a1007e26e0c56d1a6bb0bfad6cf3ab4bf458ab1"),
    ("nih_00000001_000.png", "47c75c1bcef80b7fb412ec0fb14c59f9cf8bbf262d50e5564972a0f460fe6b4a"),
    ("padded_idat.png", "bf226cd8da4b2cb55955bb4d8aba61a836710231494b835c60cd9be1317a11c4"),
];

#[tokio::test]
async fn every_readable_sample_has_the_pixels_of_the_reference_decoders() {
    let pool = pool();
    for (name, digest) in REFERENCE {
        let picture = decode(&pool, &image(name)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(picture.pixel_digest().to_string(), digest, "{name}");
    }
}

#[tokio::test]
async fn every_unreadable_sample_is_refused_for_its_reason() {
    let expected = [
        ("truncated_jpeg.jpg", RefusalCode::Truncated),
        ("broken_data_stream.png", RefusalCode::Truncated),
        ("truncated_end_chunk.png", RefusalCode::Truncated),
        ("xdtn0g01.png", RefusalCode::Damaged),
        ("xd3n2c08.png", RefusalCode::Damaged),
        ("xs1n0g01.png", RefusalCode::NotAnImage),
        ("pil_sample_cmyk.jpg", RefusalCode::CmykColor),
        ("MR_truncated.dcm", RefusalCode::Truncated),
        ("rtplan.dcm", RefusalCode::NoPixelData),
        ("meta_missing_tsyntax.dcm", RefusalCode::Damaged),
        ("JPEG2000-embedded-sequence-delimiter.dcm", RefusalCode::SizeMismatch),
        ("SC_rgb_rle.dcm", RefusalCode::NotMonochrome),
        ("SC_rgb_dcmtk_+eb+cr.dcm", RefusalCode::NotMonochrome),
        ("SC_rgb_rle_2frame.dcm", RefusalCode::NotMonochrome),
    ];
    let pool = pool();
    for (name, code) in expected {
        let error = decode(&pool, &image(name)).await.expect_err(name);
        assert!(error.is_permanent(), "{name}: {error}");
        assert_eq!(error.code(), code.as_str(), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_lossless_dicom_has_the_digest_of_the_png_it_was_made_from() {
    let pool = pool();
    let digest = async |name| decode(&pool, &image(name)).await.unwrap().pixel_digest();
    assert_eq!(digest("chest_mhh_19073f37.dcm").await, digest("mhh_19073f37.png").await);
    assert_eq!(digest("chest_mhh_5f619d7e_jpegls.dcm").await, digest("mhh_5f619d7e.png").await);
    assert_ne!(digest("mhh_19073f37.png").await, digest("mhh_5f619d7e.png").await);
}

/// Replaces the only occurrence of `from` by `to` of the same length.
fn patched(name: &str, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = image(name);
    let at: Vec<usize> = (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert_eq!(at.len(), 1, "{name}");
    bytes[at[0]..at[0] + to.len()].copy_from_slice(to);
    bytes
}

fn unsigned(picture: &Picture) -> &[u16] {
    match picture.samples() {
        Samples::Unsigned(values) => values,
        Samples::Signed(_) => panic!("signed"),
    }
}

#[tokio::test]
async fn monochrome1_is_turned_over() {
    let pool = pool();
    let upright = decode(&pool, &image("chest_mhh_19073f37.dcm")).await.unwrap();
    let inverted = patched("chest_mhh_19073f37.dcm", b"MONOCHROME2", b"MONOCHROME1");
    let inverted = decode(&pool, &inverted).await.unwrap();
    let sums = unsigned(&upright).iter().zip(unsigned(&inverted)).map(|(a, b)| a + b);
    assert!(sums.into_iter().all(|sum| sum == 255));
}

/// An element of the chest sample with a value of two bytes: `(0028,element) US`.
fn with_image_number(element: u8, value: u16) -> Vec<u8> {
    let mut bytes = image("chest_mhh_19073f37.dcm");
    let header = [0x28, 0, element & 0x0F, u8::from(element >= 0xF0), b'U', b'S', 2, 0];
    let at = (0..bytes.len() - 8).find(|at| bytes[*at..].starts_with(&header)).unwrap();
    bytes[at + 8..at + 10].copy_from_slice(&value.to_le_bytes());
    bytes
}

#[tokio::test]
async fn impossible_headers_are_refused_before_anything_is_decoded() {
    const BITS_ALLOCATED: u8 = 0xF0;
    const BITS_STORED: u8 = 0xF1;
    const PIXEL_REPRESENTATION: u8 = 0xF3;
    const SAMPLES_PER_PIXEL: u8 = 0x02;
    let mut rows = image("chest_mhh_19073f37.dcm");
    let header = [0x28, 0, 0x10, 0, b'U', b'S', 2, 0];
    let at = (0..rows.len()).find(|at| rows[*at..].starts_with(&header)).unwrap() + 8;
    let mut with_rows = |value: u16| {
        rows[at..at + 2].copy_from_slice(&value.to_le_bytes());
        rows.clone()
    };
    let expected = [
        (with_image_number(BITS_STORED, 0), RefusalCode::UnsupportedBitDepth),
        (with_image_number(BITS_STORED, 17), RefusalCode::UnsupportedBitDepth),
        (with_image_number(BITS_STORED, 7), RefusalCode::UnsupportedBitDepth),
        (with_image_number(BITS_ALLOCATED, 32), RefusalCode::UnsupportedBitDepth),
        (with_image_number(BITS_ALLOCATED, 1), RefusalCode::UnsupportedBitDepth),
        (with_image_number(PIXEL_REPRESENTATION, 2), RefusalCode::Damaged),
        (with_image_number(SAMPLES_PER_PIXEL, 3), RefusalCode::NotMonochrome),
        (with_rows(0), RefusalCode::Damaged),
        (with_rows(525), RefusalCode::Truncated),
        (with_rows(65535), RefusalCode::TooManyPixels),
        (patched("chest_mhh_19073f37.dcm", b"MONOCHROME2 ", b"PALETTE COLO"), RefusalCode::NotMonochrome),
        (
            patched("chest_mhh_19073f37.dcm", b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0"),
            RefusalCode::UnsupportedTransferSyntax,
        ),
    ];
    let pool = pool();
    for (index, (bytes, code)) in expected.into_iter().enumerate() {
        assert_eq!(refusal(decode(&pool, &bytes).await), code, "decode of number {index}");
        assert_eq!(refusal(pool.inspect(&bytes).await), code, "inspection of number {index}");
    }
}

#[tokio::test]
async fn a_signed_monochrome1_image_whose_values_leave_the_range_is_refused() {
    let pool = pool();
    let inverted = patched("CT_small.dcm", b"MONOCHROME2", b"MONOCHROME1");
    let picture = decode(&pool, &inverted).await;
    // CT_small has no negative stored value, MR_small_* neither; with its sign bit set one appears.
    assert!(picture.is_ok());
    let mut bytes = inverted;
    let pixel_data = bytes.windows(4).rposition(|tag| tag == [0xE0, 0x7F, 0x10, 0]).unwrap();
    bytes[pixel_data + 13] = 0x80;
    assert_eq!(refusal(decode(&pool, &bytes).await), RefusalCode::ValueOutOfRange);
}

#[tokio::test]
async fn an_inspection_gives_the_identifiers_and_nothing_of_the_patient() {
    let pool = pool();
    let first = pool.inspect(&image("chest_mhh_19073f37.dcm")).await.unwrap();
    assert_eq!((first.rows, first.columns, first.modality.as_deref()), (524, 640, Some("CR")));
    assert_eq!(first.transfer_syntax_uid, "1.2.840.10008.1.2.1");
    let second = pool.inspect(&image("chest_mhh_5f619d7e_jpegls.dcm")).await.unwrap();
    assert_eq!(second.transfer_syntax_uid, "1.2.840.10008.1.2.4.80");
    assert_eq!(first.study_instance_uid, second.study_instance_uid);
    assert_eq!(first.series_instance_uid, second.series_instance_uid);
    assert_ne!(first.sop_instance_uid, second.sop_instance_uid);
    assert!(!format!("{first:?}{second:?}").contains("CANARY"));
}

#[tokio::test]
async fn inspection_refuses_what_is_no_image_or_has_no_identifiers() {
    let pool = pool();
    assert_eq!(refusal(pool.inspect(&image("rtplan.dcm")).await), RefusalCode::NoPixelData);
    assert_eq!(refusal(pool.inspect(&image("mhh_5f619d7e.png")).await), RefusalCode::NotAnImage);
    // A study uid that is no uid: whatever stands there must not come through.
    let bytes = image("chest_mhh_19073f37.dcm");
    let header = [0x20, 0, 0x0D, 0, b'U', b'I'];
    let at = (0..bytes.len()).find(|at| bytes[*at..].starts_with(&header)).unwrap() + 8;
    let mut named = bytes;
    named[at..at + 8].copy_from_slice(b"DOE^JOHN");
    assert_eq!(refusal(pool.inspect(&named).await), RefusalCode::MissingIdentifier);
}

#[tokio::test]
async fn errors_never_quote_the_patient() {
    let pool = pool();
    let bytes = image("chest_mhh_19073f37.dcm");
    for len in (132..bytes.len()).step_by(6007).chain(132..1200) {
        if let Err(error) = pool.inspect(&bytes[..len]).await {
            let text = format!("{error} {error:?}");
            assert!(!text.contains("CANARY") && !text.contains("DONOTLEAK"), "{len}: {text}");
            assert!(matches!(error, DecodeError::Refused(_)), "{len}: {text}");
        }
    }
}
