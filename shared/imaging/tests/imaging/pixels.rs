//! Decoded pixels are those that Pillow and pydicom give, and what must not be read is refused for the right reason.

use hilum_imaging::{DecodeError, RefusalCode};

use crate::support::{decode, image, pool, refusal};

/// SHA-256 in the form of `Picture::pixel_digest`, computed from what Pillow 13 and pydicom 3.0.2 (with pylibjpeg)
/// decode.
const REFERENCE: [(&str, &str); 29] = [
    ("693_J2KI.dcm", "8f32abdc372d85958cef8a9a8661065a17246dc37dc0cfe00dc4f5804d134bf4"),
    ("CT_small.dcm", "a7e7c3a01413cff1833fe262d9bd553a8057ecc0b37e5a5ac19a6400fdaa31cd"),
    ("J2K_pixelrep_mismatch.dcm", "9f50626da00efdb0fae7cdc8d2c0d7dc53d7a41f4d21cbac48ba7e559502c1c1"),
    ("JPEGLSNearLossless_08.dcm", "0c69f2309fb5d31874c835947a1e7c65ab93ea904410b1fd5523f99b27fc7b47"),
    ("MR_small.dcm", "0875116578aa5e0ce59bcd44cdd0262ee6c05b955ee78bb36ff8ff3bfdb95ad5"),
    ("MR_small_RLE.dcm", "0875116578aa5e0ce59bcd44cdd0262ee6c05b955ee78bb36ff8ff3bfdb95ad5"),
    ("MR_small_expb.dcm", "0875116578aa5e0ce59bcd44cdd0262ee6c05b955ee78bb36ff8ff3bfdb95ad5"),
    ("MR_small_implicit.dcm", "0875116578aa5e0ce59bcd44cdd0262ee6c05b955ee78bb36ff8ff3bfdb95ad5"),
    ("MR_small_jp2klossless.dcm", "0875116578aa5e0ce59bcd44cdd0262ee6c05b955ee78bb36ff8ff3bfdb95ad5"),
    ("MR_small_jpeg_ls_lossless.dcm", "0875116578aa5e0ce59bcd44cdd0262ee6c05b955ee78bb36ff8ff3bfdb95ad5"),
    ("MR_small_padded.dcm", "0875116578aa5e0ce59bcd44cdd0262ee6c05b955ee78bb36ff8ff3bfdb95ad5"),
    ("basn0g01.png", "26570fede12bb4d63103fad4518b499d1907ac3e9db2df7edc7d57888bc4142e"),
    ("basn0g16.png", "b1d3c90249f4d587916fdbc2bb4a8728673c33c775ce64ffded98497fa57d8c2"),
    ("basn3p08.png", "55d71623bb8909daf164305444d58db1305d5b628d7e6a384e8361948d2431da"),
    ("basn6a08.png", "bf7cea656ded5e2607854721dc6193341f922dc79f4a81e33db34ca88fdfd1f3"),
    ("chest_mhh_19073f37.dcm", "5cbea0656340fbf690f4142afe84ef5af61c151fb31353319642e9362475391b"),
    ("chest_mhh_5f619d7e_jpegls.dcm", "cae5589460f9331392d9f6642e09d20d9df4843790c29c8faab83a4663538b7a"),
    ("hopper_gray.jpg", "7c813868861eeeea617f3eb3805fca5d6cf14533fe0487aa040974e8fd422de1"),
    ("icc-after-SOF.jpg", "99b98d5cfc0159181fc26174af135aa464d9ceae2f25318715640abe8eb5d08c"),
    ("image_dfl.dcm", "29122bef2113d5943973cb459018104def6570816a39410d45cd379dc9b1a525"),
    ("jpeg_ff00_header.jpg", "88e9597ca1eab6c3b35628bd3c7a24d6ca97ab2130ed818bacf81b422aab0e59"),
    ("mhh_1479fa94.png", "a4fa1692372ade3fd5fe568d27c771f3e57124948af19ac6854ec6b02d457a12"),
    ("mhh_19073f37.png", "5cbea0656340fbf690f4142afe84ef5af61c151fb31353319642e9362475391b"),
    ("mhh_19073f37_rgb420_q85.jpg", "933d4b3f863f719c746bdb5ff1bfd8c101b48ad58efffdf699e9d74a3c3b163f"),
    ("mhh_5f619d7e.png", "cae5589460f9331392d9f6642e09d20d9df4843790c29c8faab83a4663538b7a"),
    ("mhh_5f619d7e_progressive_q85.jpg", "c3751ca1c11a24eb23e6581de4831a67a02ef8b6238f6a8c3a606c5d8abdd8ec"),
    ("mhh_90070cbc_gray_q40.jpg", "bdba280417de24d3ccc1ef9da00190fad8b2d9f1ace33f84635a942dbde291ca"),
    ("nih_00000001_000.png", "289231d6cbae86f2f801a7f44925e05edccb035da45a6d64466308b69b4bcee9"),
    ("padded_idat.png", "9deb91ac39bdfac3a7125c7cc2754ae88bd3bca7dfed575b47f2b88ae9c5fa4f"),
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

#[tokio::test]
async fn monochrome1_is_turned_over() {
    let pool = pool();
    let upright = decode(&pool, &image("chest_mhh_19073f37.dcm")).await.unwrap();
    let inverted = patched("chest_mhh_19073f37.dcm", b"MONOCHROME2", b"MONOCHROME1");
    let inverted = decode(&pool, &inverted).await.unwrap();
    let mut pairs = upright.samples().iter().zip(inverted.samples().iter());
    assert!(pairs.all(|(a, b)| a + b == 255));
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
        (with_rows(525), RefusalCode::SizeMismatch),
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
    let first = pool.inspect(&image("chest_mhh_19073f37.dcm")).await.unwrap().identity;
    assert_eq!((first.rows, first.columns, first.modality.as_deref()), (524, 640, Some("CR")));
    assert_eq!(first.transfer_syntax_uid, "1.2.840.10008.1.2.1");
    let second = pool.inspect(&image("chest_mhh_5f619d7e_jpegls.dcm")).await.unwrap().identity;
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
