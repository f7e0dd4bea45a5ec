//! One picture in every encoding that is read, and every form that stored values have. The files and what they are
//! compared with were made by tests/data/make_encodings.py.

use std::collections::BTreeSet;
use std::fs;

use hilum_imaging::{DecoderPool, Picture, RefusalCode};

use crate::support::dicom::{Elements, FRAMES, Form, PHOTOMETRY};
use crate::support::{data, decode, image, pool, refusal};

/// Pictures and the digest of their pixels as pydicom 3.0.2 reads them.
const PICTURES: [(&str, &str); 3] = [
    ("grey8", "022272dec9465d837f9ef4685c45a25d05a0bd4912f440e74d321de922a041bd"),
    ("grey12", "60ca987cb1561042c56f31f9cb7b981deb0bbcadcad174210919150220c8dc68"),
    ("signed16", "940c44393e477120a7fb5d60fc9d65d711788c7a7affd46beb96595523929977"),
];

/// Lossy encodings of which pydicom and this crate make the same pixels.
const LOSSY: [(&str, &str); 4] = [
    ("grey8_jpeg_ls_near", "4826bfd3ab6f135a627ed037753731696d2002cb1cb1a6a43f27146179cfa1ef"),
    ("grey8_jpeg_2000_lossy", "ec2c7cf413e7f76814d246a6a3e6d13e04c056cf65bbc99d8eb3fdd97fb1b3ea"),
    ("grey12_jpeg_ls_near", "a1235194ed08e6f1eaed81b3c287617a4e1351039061a8fde1e9c97f093b9c01"),
    ("grey12_jpeg_2000_lossy", "d9bc46b0d149136a29fb7768908fddd85f67ba555437be3f850dfc430559bbf7"),
];

const LOSSLESS: [&str; 9] = [
    "implicit",
    "explicit",
    "big_endian",
    "deflated",
    "rle",
    "jpeg_lossless_6",
    "jpeg_lossless_sv1",
    "jpeg_ls",
    "jpeg_2000",
];

fn encoding(file: &str) -> Vec<u8> {
    fs::read(data("encodings").join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

async fn picture(pool: &DecoderPool, name: &str, bytes: &[u8]) -> Picture {
    decode(pool, bytes).await.unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test]
async fn every_lossless_encoding_of_a_picture_has_the_digest_of_its_pixels() {
    let pool = pool();
    for (name, expected) in PICTURES {
        for encoded in LOSSLESS {
            let file = format!("{name}_{encoded}.dcm");
            let found = picture(&pool, &file, &encoding(&file)).await.pixel_digest();
            assert_eq!(found.to_string(), expected, "{file}");
        }
    }
    let (_, expected) = PICTURES[0];
    let others =
        ["jpeg_lossless_2", "jpeg_lossless_3", "jpeg_lossless_4", "jpeg_lossless_5", "jpeg_lossless_7"];
    let others = others.map(|encoded| format!("grey8_{encoded}.dcm"));
    for file in others.iter().map(String::as_str).chain(["grey8_big_endian_words.dcm", "grey8.png"]) {
        let found = picture(&pool, file, &encoding(file)).await.pixel_digest();
        assert_eq!(found.to_string(), expected, "{file}");
    }
}

#[tokio::test]
async fn lossy_jpeg_ls_and_jpeg_2000_have_the_pixels_of_pydicom() {
    let pool = pool();
    for (name, expected) in LOSSY {
        let found = picture(&pool, name, &encoding(&format!("{name}.dcm"))).await.pixel_digest();
        assert_eq!(found.to_string(), expected, "{name}");
    }
}

/// pylibjpeg's inverse DCT is another one, and for 12 bits it rounds up from 15/32 on. Decoded without that rounding, 8
/// bits would differ in three times as many pixels.
#[tokio::test]
async fn lossy_jpeg_is_off_by_one_grey_level_in_a_few_pixels() {
    let pool = pool();
    let files = [
        ("grey8_jpeg_baseline.dcm", encoding("grey8_jpeg_baseline.dcm"), "grey8_jpeg_decoded.png", 0.01),
        ("grey8_jpeg_extended.dcm", encoding("grey8_jpeg_extended.dcm"), "grey8_jpeg_decoded.png", 0.01),
        ("JPGExtended.dcm", image("JPGExtended.dcm"), "JPGExtended_decoded.png", 0.015),
    ];
    for (file, bytes, reference, share) in files {
        let found = picture(&pool, file, &bytes).await;
        let expected = picture(&pool, reference, &encoding(reference)).await;
        assert_eq!((found.width(), found.height()), (expected.width(), expected.height()), "{file}");
        let pairs = found.samples().iter().zip(expected.samples().iter());
        let differences: Vec<i32> = pairs.map(|(found, expected)| found - expected).collect();
        assert!(differences.iter().all(|difference| difference.abs() <= 1), "{file}");
        let differing = differences.iter().filter(|difference| **difference != 0).count();
        assert!((differing as f64) < share * differences.len() as f64, "{file}: {differing}");
    }
}

#[tokio::test]
async fn the_files_here_cover_every_transfer_syntax_that_is_read() {
    let expected = [
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.51",
        "1.2.840.10008.1.2.4.57",
        "1.2.840.10008.1.2.4.70",
        "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.4.81",
        "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.91",
        "1.2.840.10008.1.2.5",
    ];
    let pool = pool();
    let mut found = BTreeSet::new();
    for path in crate::support::files(&data("encodings")) {
        if path.extension().is_some_and(|extension| extension == "dcm") {
            let identity = pool.inspect(&fs::read(&path).unwrap()).await.unwrap().identity;
            found.insert(identity.transfer_syntax_uid);
        }
    }
    assert_eq!(found, expected.map(str::to_owned).into());
}

#[tokio::test]
async fn every_number_of_stored_bits_is_read_and_a_bit_above_is_refused() {
    let pool = pool();
    let forms = (1..=8).map(|stored| (8, stored)).chain((1..=16).map(|stored| (16, stored)));
    for (allocated, stored) in forms {
        let (max, half) = ((1 << stored) - 1, 1 << (stored - 1));
        for signed in [false, true] {
            let ends = if signed { [-half, half - 1] } else { [0, max] };
            let row = |values: [i32; 2]| Elements::row(Form { allocated, stored, signed }, &values).file();
            let found = picture(&pool, "row", &row(ends)).await;
            let what = format!("{stored} of {allocated} bits, signed {signed}");
            assert_eq!(found.samples().iter().collect::<Vec<_>>(), ends, "{what}");
            assert_eq!((found.max_value(), u16::from(found.source_bits())), (max as u32, stored), "{what}");
            // Some leave the bits above a negative value empty.
            let kept = picture(&pool, "row", &row(ends.map(|end| end & max))).await;
            assert_eq!(kept, found, "{what}");
            if stored < allocated {
                let above = decode(&pool, &row([0, ends[1] ^ (1 << stored)])).await;
                assert_eq!(refusal(above), RefusalCode::ValueOutOfRange, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn one_frame_is_a_picture_and_several_are_refused_with_their_number() {
    let pool = pool();
    let row = || Elements::row(Form { allocated: 8, stored: 8, signed: false }, &[1, 2]);
    for frames in ["0", "1", " 1 ", "1 ", "", "01"] {
        assert!(decode(&pool, &row().text(FRAMES, "IS", frames).file()).await.is_ok(), "{frames:?}");
    }
    let error = decode(&pool, &row().text(FRAMES, "IS", "30").file()).await.unwrap_err();
    assert_eq!(error.code(), RefusalCode::MultiFrame.as_str());
    assert!(error.to_string().ends_with("(30 frames)"), "{error}");
    for frames in ["-1", "many", "4294967296"] {
        let found = refusal(decode(&pool, &row().text(FRAMES, "IS", frames).file()).await);
        assert_eq!(found, RefusalCode::Damaged, "{frames:?}");
    }
}

#[tokio::test]
async fn colour_is_refused_by_its_name_and_an_unknown_name_is_not_repeated() {
    let pool = pool();
    let expected = [
        ("RGB", RefusalCode::NotMonochrome, "(RGB)"),
        ("YBR_FULL_422", RefusalCode::NotMonochrome, "(YBR_FULL_422)"),
        ("PALETTE COLOR", RefusalCode::PaletteColor, "(PALETTE COLOR)"),
        ("DOE JOHN", RefusalCode::NotMonochrome, "(unknown photometric interpretation)"),
    ];
    for (photometry, code, ending) in expected {
        let row = Elements::row(Form { allocated: 8, stored: 8, signed: false }, &[1, 2]);
        let error = decode(&pool, &row.text(PHOTOMETRY, "CS", photometry).file()).await.unwrap_err();
        assert_eq!(error.code(), code.as_str());
        assert!(error.to_string().ends_with(ending), "{error}");
    }
}
