//! DICOM seen through its look-up tables and windows agrees with pydicom, and headers that lie about them are refused
//! without harm to those who want the stored values.

use std::fs;

use hilum_events::MediaType;
use hilum_imaging::{DecodeError, DecoderPool, DicomValues, Picture, RefusalCode};

use crate::support::dicom::{
    Elements, Form, LUT_DATA, LUT_DESCRIPTOR, MODALITY_LUT_SEQUENCE, PHOTOMETRY, RESCALE_INTERCEPT,
    RESCALE_SLOPE, VOI_LUT_FUNCTION, VOI_LUT_SEQUENCE, WINDOW_CENTER, WINDOW_WIDTH,
};
use crate::support::{beside_the_checkout, data, files, image, pool, refusal};

/// Every 12-bit value once, under one header each; as printed by tests/data/make_windows.py.
const WINDOWS: [(&str, &str); 14] = [
    ("linear.dcm", "3ae24fd87e1dc08b3608fd56764edc7f7b245cb5222fddf654b21dbec81658af"),
    ("linear_of_one.dcm", "565761a6f968cae15f58911f528beaa618fcdf7e4affa956daf6989a319fc577"),
    ("first_of_two.dcm", "34a089ba10aa829b260e6a82787a5099b51b2056aba4548b1a05c733518043cc"),
    ("linear_exact.dcm", "159f93da3eb1760e54de121ab80023f39b7af1fbfd9a45d53f58e5d1c59e1fec"),
    ("sigmoid.dcm", "52ddb5ea3cf42f9254c4c6d910ad33891fe3eb5b8b6d93e83081226946c93f6b"),
    ("rescaled_window.dcm", "0debaae7fb8536f274c8a5369b9362c41e7451fae71f7d5296d875930ae90eda"),
    ("rescale_alone.dcm", "3299e9cdba9d31b8dc4bc1463ef4f0a24407f9e50fa8a8be45d6bd2a56253900"),
    ("negative_slope.dcm", "d7cd805bfeedda186f0622e5fd09859dbeed45d1d99d19d10a6416413e80e9b5"),
    ("modality_lut_alone.dcm", "a84ef6f27f4eba7320cccb06724dd0d19ed34b6da2dfb1c6ab7ffd0dd78011a6"),
    ("modality_lut_window.dcm", "20c953cda3e30462a28899078e24c879bf56da61b30e77dc3b9899154e522f61"),
    ("voi_lut.dcm", "3fc474fa56303c9cc514f89274752072716f200d9fcec05c85034509dd41de41"),
    ("voi_lut_8_bit_signed.dcm", "204ebe0254d3fccfaccc1041ff00e275680d5fce4c6bf88a0ba31cdebee8fe8a"),
    ("voi_lut_implicit.dcm", "21514293c8e6d613baed77192a667b57a15f87e3f7e214f201e88dfe859e0910"),
    ("voi_lut_rescaled.dcm", "5ee656fd434acf52e81c2d08662a9e40c9f2626e1496bc5c0d12534de397d12e"),
];

/// The same of samples with a window or rescale.
const IMAGES: [(&str, &str); 4] = [
    ("CT_small.dcm", "fa3a64fc0f743500ef019c6ce14c42fbf32bba49f7b335b14220e6fbc8c703f1"),
    ("MR_small.dcm", "e7fa2460e51adbac0413bc7aff27ecb332aa783b4f56ac71f175b7ca849562de"),
    ("693_J2KI.dcm", "36cea1923fde9aeded345cb35632a13f43435f36e2b308a6c562031c61200c9c"),
    ("J2K_pixelrep_mismatch.dcm", "c5555faeff5265e7bdf71d857d18cdfdef4e45f63654e9f9b4ae018c748a6579"),
];

/// The same of files of the collection beside the checkout: chest with a window, modality LUT, two windows.
const COLLECTED: [(&str, &str); 7] = [
    ("RG1_UNCR_explicit_le.dcm", "4825022c7d64295e46ff8b5763f557398ab4d87c6f6b04b9e403fc29c5dab5f6"),
    ("RG1_J2KI.dcm", "a87a5c8ef36a3bdfb778e3154c2f1abeaeb820a438b1d3e5b185644c0325acc0"),
    ("mlut_18.dcm", "01657245fe7b68b7bf7dd209fc7fb218cc4080c629d264ac46e8f31f41fa4d40"),
    ("examples_overlay.dcm", "e6d6ef46ee5faeb8c6ef12196ee550d4968f8d306f207a7483ed1b988efd5928"),
    ("RG3_JLSL.dcm", "b2f0e62909942755a7f5e35c57a9c7b9c12d52f44f71bde5f3669a9c99deea70"),
    ("693_J2KR.dcm", "8917602719202f8dfc26c258ef2803d99d61525b0d85b56505d7f1fed0923726"),
    ("RG3_leg_J2KI.dcm", "638dc53ecd4662103756dc1d1769261fbd5bd7171745361c6d0a1741eb2bb27d"),
];

async fn windowed(pool: &DecoderPool, bytes: &[u8]) -> Result<Picture, DecodeError> {
    pool.decode_as(MediaType::Dicom, bytes, DicomValues::Window).await
}

async fn check(pool: &DecoderPool, name: &str, bytes: &[u8], expected: &str) {
    let picture = windowed(pool, bytes).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(picture.max_value(), 65535, "{name}");
    assert_eq!(picture.pixel_digest().to_string(), expected, "{name}");
}

/// Twelve unsigned bits.
const UNSIGNED: Form = Form { allocated: 16, stored: 12, signed: false };

async fn levels(elements: &Elements) -> Vec<i32> {
    let picture = windowed(&pool(), &elements.file()).await.unwrap();
    picture.samples().iter().collect()
}

fn window(elements: Elements, center: &str, width: &str) -> Elements {
    elements.text(WINDOW_CENTER, "DS", center).text(WINDOW_WIDTH, "DS", width)
}

/// An item of a LUT sequence.
fn table(descriptor: &[u16], entries: &[u16]) -> Elements {
    let bytes: Vec<u8> = entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
    Elements::default().words(LUT_DESCRIPTOR, "US", descriptor).long(LUT_DATA, "OW", &bytes)
}

#[tokio::test]
async fn every_kind_of_window_and_table_gives_what_pydicom_makes_of_it() {
    let pool = pool();
    for (name, expected) in WINDOWS {
        check(&pool, name, &fs::read(data("windows").join(name)).unwrap(), expected).await;
    }
    for (name, expected) in IMAGES {
        check(&pool, name, &image(name), expected).await;
    }
}

#[tokio::test]
async fn the_collected_files_are_seen_as_pydicom_shows_them() {
    let Some(root) = beside_the_checkout("data") else { return };
    let paths = files(&root.join("b_dicom"));
    let pool = pool();
    for (name, expected) in COLLECTED {
        let path = paths.iter().find(|path| path.ends_with(name)).unwrap();
        check(&pool, name, &fs::read(path).unwrap(), expected).await;
    }
}

#[tokio::test]
async fn files_without_a_header_are_the_same_picture_either_way() {
    let pool = pool();
    let png = image("basn0g16.png");
    let stored = pool.decode(MediaType::Png, &png).await.unwrap();
    assert_eq!(pool.decode_as(MediaType::Png, &png, DicomValues::Window).await.unwrap(), stored);
}

#[tokio::test]
async fn without_a_window_the_range_of_the_stored_bits_is_shown() {
    let row = || Elements::row(UNSIGNED, &[0, 2048, 4095]);
    assert_eq!(levels(&row()).await, [0, 32776, 65535]);
    assert_eq!(levels(&row().text(PHOTOMETRY, "CS", "MONOCHROME1")).await, [65535, 32759, 0]);
    // Half a window and half a rescale say nothing.
    assert_eq!(levels(&row().text(WINDOW_CENTER, "DS", "40")).await, [0, 32776, 65535]);
    assert_eq!(levels(&window(row(), "40", "")).await, [0, 32776, 65535]);
    assert_eq!(levels(&row().text(RESCALE_SLOPE, "DS", "-1")).await, [0, 32776, 65535]);
    let signed = Form { signed: true, ..UNSIGNED };
    assert_eq!(levels(&Elements::row(signed, &[-2048, 0, 2047])).await, [0, 32776, 65535]);
}

#[tokio::test]
async fn a_table_of_65536_entries_counts_them_as_zero() {
    let turned_over: Vec<u16> = (0..=u16::MAX).rev().collect();
    let form = Form { allocated: 16, stored: 16, signed: false };
    let row = Elements::row(form, &[0, 1, 40_000, 65_535]);
    let tabled = row.item(VOI_LUT_SEQUENCE, &table(&[0, 0, 16], &turned_over));
    assert_eq!(levels(&tabled).await, [65_535, 65_534, 25_535, 0]);
}

#[tokio::test]
async fn extreme_but_finite_numbers_give_a_picture() {
    let row = || Elements::row(UNSIGNED, &[0, 2048, 4095]);
    // Everything lies in the middle of the widest window.
    assert_eq!(levels(&window(row(), "0", "1e308")).await, [32768, 32768, 32768]);
    assert_eq!(levels(&window(row(), "1e308", "1e308")).await, [0, 0, 0]);
    assert_eq!(levels(&window(row(), "-1e308", "2")).await, [65535, 65535, 65535]);
    let sigmoid = window(row(), "1e308", "1e-308").text(VOI_LUT_FUNCTION, "CS", "SIGMOID");
    assert_eq!(levels(&sigmoid).await, [0, 0, 0]);
    // Entries beyond the bits of their table are cut, and a table that begins far away shows its end.
    let tabled = row().item(VOI_LUT_SEQUENCE, &table(&[2, 2048, 8], &[0, 65_535]));
    assert_eq!(levels(&tabled).await, [0, 0, 65_535]);
}

/// Headers that make no picture.
fn liars() -> Vec<(&'static str, Elements)> {
    let row = || Elements::row(UNSIGNED, &[0, 2048, 4095]);
    let rescale =
        |slope, intercept| row().text(RESCALE_SLOPE, "DS", slope).text(RESCALE_INTERCEPT, "DS", intercept);
    let function = |name| window(row(), "40", "80").text(VOI_LUT_FUNCTION, "CS", name);
    let exact = |width| window(row(), "40", width).text(VOI_LUT_FUNCTION, "CS", "LINEAR_EXACT");
    let voi = |descriptor: &[u16], entries: &[u16]| row().item(VOI_LUT_SEQUENCE, &table(descriptor, entries));
    vec![
        ("width 0", window(row(), "40", "0")),
        ("width below 1", window(row(), "40", "0.999")),
        ("negative width", window(row(), "40", "-80")),
        ("width that is no number", window(row(), "40", "NaN")),
        ("infinite width", window(row(), "40", "inf")),
        ("width too large for a number", window(row(), "40", "1e309")),
        ("text for a width", window(row(), "40", "DOE^JOHN")),
        ("infinite centre", window(row(), "-inf", "80")),
        ("exact width 0", exact("0")),
        ("unknown function", function("DOE^JOHN")),
        ("slope 0", rescale("0", "5")),
        ("slope that is no number", rescale("NaN", "0")),
        ("rescale beyond all numbers", rescale("1e306", "0")),
        ("slope below all differences", rescale("1e-300", "1e10")),
        ("fewer entries than said", voi(&[4096, 0, 12], &[1; 10])),
        ("65536 entries that are not there", voi(&[0, 0, 16], &[1; 10])),
        ("no entries", voi(&[3, 0, 16], &[])),
        ("packed bytes", voi(&[20, 0, 8], &[1; 10])),
        ("entries of 0 bits", voi(&[10, 0, 0], &[1; 10])),
        ("entries of 17 bits", voi(&[10, 0, 17], &[1; 10])),
        ("descriptor of two numbers", voi(&[10, 0], &[1; 10])),
        ("a table that is no sequence", row().text(VOI_LUT_SEQUENCE, "LO", "DOE^JOHN")),
        ("a sequence that can't be followed", row().long(VOI_LUT_SEQUENCE, "UN", b"DOE^JOHN")),
        ("empty item", row().item(VOI_LUT_SEQUENCE, &Elements::default())),
        ("modality table cut short", row().item(MODALITY_LUT_SEQUENCE, &table(&[0, 0, 16], &[1; 10]))),
    ]
}

#[tokio::test]
async fn headers_that_make_no_picture_are_refused_and_not_quoted() {
    let pool = pool();
    for (what, elements) in liars() {
        let error = windowed(&pool, &elements.file()).await.expect_err(what);
        let text = format!("{error} {error:?}");
        assert!(!text.contains("DOE"), "{what}: {text}");
        assert_eq!(refusal::<()>(Err(error)), RefusalCode::UnusableWindow, "{what}");
    }
}

#[tokio::test]
async fn headers_that_make_no_picture_do_not_keep_stored_values_or_a_preview_back() {
    let pool = pool();
    for (what, elements) in liars() {
        let file = elements.file();
        let stored =
            pool.decode(MediaType::Dicom, &file).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(stored.samples().iter().collect::<Vec<_>>(), [0, 2048, 4095], "{what}");
        let preview = pool.preview(MediaType::Dicom, &file, 100).await.unwrap();
        let grey = image::load_from_memory(&preview.png).unwrap().into_luma8();
        assert_eq!(grey.as_raw(), &[0, 128, 255], "{what}");
    }
}

#[tokio::test]
async fn an_empty_sequence_is_no_table() {
    let row = Elements::row(UNSIGNED, &[0, 2048, 4095]);
    let empty = row.long(VOI_LUT_SEQUENCE, "SQ", &[]).long(MODALITY_LUT_SEQUENCE, "SQ", &[]);
    assert_eq!(levels(&empty).await, [0, 32776, 65535]);
}
