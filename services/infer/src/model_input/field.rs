//! What becomes of files like those that the field sends, through the real decoder and the rules of a new model folder.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use hilum_events::MediaType;
use hilum_imaging::{DecoderConfig, DecoderPool, Prepared};

use super::*;
use crate::plausibility::doubts;

async fn prepared(pool: &DecoderPool, bytes: &[u8]) -> Prepared {
    pool.prepare(MediaType::recognise(bytes).unwrap(), bytes, &Preparation::default()).await.unwrap()
}

fn field(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/field");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The codes of what is said of the image, or of why it is not read.
async fn codes(pool: &DecoderPool, bytes: &[u8]) -> Result<Vec<String>, String> {
    let prepared = prepared(pool, bytes).await;
    let judged = match &prepared.header {
        Some(header) => judge(&HeaderRule::chest_x_ray(), header),
        None => Ok(doubts(&prepared.plain.unwrap())),
    };
    judged.map(|notices| notices.into_iter().map(|notice| notice.code).collect()).map_err(|why| why.code)
}

fn pool() -> DecoderPool {
    DecoderPool::new(DecoderConfig::sibling().expect("hilum-decoder is built with hilum-imaging"))
}

#[tokio::test]
async fn each_file_of_the_field_is_read_flagged_or_refused_as_it_should_be() {
    let pool = pool();
    let flagged = |code: &str| Ok(vec![code.to_owned()]);
    let refused = |code: &str| Err(code.to_owned());
    for (name, expected) in [
        ("d00_ref8.dcm", Ok(vec![])),
        ("d50k_view_code_sequence_lateral.dcm", flagged("other_view")),
        ("d51o_anatomic_region_knee.dcm", refused("other_body_part")),
        ("d53a_dog_species.dcm", refused("other_species")),
        ("d54f_modality_empty_sop_CT.dcm", refused("other_modality")),
        ("e03_view_Left_Lateral.dcm", flagged("other_view")),
        ("e03_view_XTABLE_LATERAL.dcm", flagged("other_view")),
        ("e03_view_ap.dcm", Ok(vec![])),
        ("e04_body_Abdomen_7.dcm", refused("other_body_part")),
        ("e04_body_Chest_PA_8.dcm", Ok(vec![])),
        ("e04_body_T_SPINE_7.dcm", refused("other_body_part")),
        ("p00_ref.png", Ok(vec![])),
        ("p02_16bit_holding_12bit.png", flagged("dark")),
        ("p23_colour_photo.jpg", flagged("colour")),
        ("p50_1x1.png", Ok(vec!["tiny".to_owned(), "blank".to_owned()])),
    ] {
        assert_eq!(codes(&pool, &field(name)).await, expected, "{name}");
    }
}

#[tokio::test]
async fn what_else_may_stand_in_the_reference_is_judged_the_same() {
    let pool = pool();
    // Of the same length, so that the rest of the file stays as it is.
    let with = |was: &[u8], is: &[u8]| {
        assert_eq!(was.len(), is.len());
        let mut bytes = field("d00_ref8.dcm");
        let at = bytes.windows(was.len()).position(|window| window == was).unwrap();
        bytes[at..at + was.len()].copy_from_slice(is);
        bytes
    };
    let body_part = |text: &[u8; 6]| with(b"CHEST ", text);
    let view = |text: &[u8; 2]| with(b"CS\x02\0PA", &[b"CS\x02\0", &text[..]].concat());
    let modality = |text: &[u8; 2]| with(b"CS\x02\0CR", &[b"CS\x02\0", &text[..]].concat());
    let refused = |code: &str| Err(code.to_owned());
    for text in [b"chest ", b"Thorax", b" Lung "] {
        assert_eq!(codes(&pool, &body_part(text)).await, Ok(vec![]), "{text:?}");
    }
    for text in [b"T-SPIN", b"Hand,L", b"Knee  ", b"------", b"\xb0\xa1\xb0\xa1\xb0\xa1"] {
        assert_eq!(codes(&pool, &body_part(text)).await, refused("other_body_part"), "{text:?}");
    }
    for (text, code) in [
        (b"pa", None),
        (b"ll", Some("other_view")),
        (b"? ", Some("other_view")),
        (b"  ", Some("unknown_view")),
    ] {
        let expected = code.map(str::to_owned).into_iter().collect();
        assert_eq!(codes(&pool, &view(text)).await, Ok(expected), "{text:?}");
    }
    for text in [b"ct", b"US", b"x?"] {
        assert_eq!(codes(&pool, &modality(text)).await, refused("other_modality"), "{text:?}");
    }
    assert_eq!(codes(&pool, &modality(b"dx")).await, Ok(vec![]));
    // An empty modality is told by the SOP class.
    assert_eq!(codes(&pool, &modality(b"  ")).await, Ok(vec![]));
}

/// A TIFF block with one field.
fn exif(orientation: u8) -> Vec<u8> {
    let field = [&b"\x12\x01\x03\0\x01\0\0\0"[..], &[orientation, 0, 0, 0]].concat();
    [&b"II*\0\x08\0\0\0\x01\0"[..], &field, &[0; 4]].concat()
}

#[tokio::test]
async fn pictures_that_can_hardly_be_a_radiograph_are_read_with_a_word() {
    use image::{DynamicImage, ImageFormat, Luma, Rgb};
    let pool = pool();
    let said = async |bytes: &[u8]| codes(&pool, bytes).await.unwrap();
    let png = |picture: DynamicImage| {
        let mut file = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut file, ImageFormat::Png).unwrap();
        file.into_inner()
    };
    let grey = |width, height, shade: fn(u32, u32) -> u8| {
        png(image::GrayImage::from_fn(width, height, |x, y| Luma([shade(x, y)])).into())
    };
    let sound = grey(128, 128, |x, y| (x + y) as u8);
    assert_eq!(said(&sound).await, [""; 0]);
    assert_eq!(said(&grey(300, 99, |x, _| x as u8)).await, ["tiny"]);
    assert_eq!(said(&grey(128, 128, |_, _| 200)).await, ["blank"]);
    assert_eq!(said(&grey(128, 128, |x, _| (x % 32) as u8)).await, ["dark"]);
    let colour = |picture: fn(u32, u32) -> [u8; 3]| {
        png(image::RgbImage::from_fn(128, 128, |x, y| Rgb(picture(x, y))).into())
    };
    assert_eq!(said(&colour(|x, y| [(x + y) as u8, x as u8, 255 - y as u8])).await, ["colour"]);
    let tinted = colour(|x, y| [(x + y) as u8 / 2, (x + y) as u8 / 2 + 5, (x + y) as u8 / 2 + 9]);
    assert_eq!(said(&tinted).await, [""; 0]);

    // A PNG with an EXIF block after its header, and a JPEG with one after its first marker.
    let in_png = |orientation: u8| {
        let content = [&b"eXIf"[..], &exif(orientation)].concat();
        let len = (content.len() as u32 - 4).to_be_bytes();
        let chunk = [&len[..], &content, &crc(&content).to_be_bytes()].concat();
        [&sound[..33], &chunk, &sound[33..]].concat()
    };
    assert_eq!(said(&in_png(1)).await, [""; 0]);
    assert_eq!(said(&in_png(3)).await, ["turned"]);
    let jpeg = image_file("mhh_90070cbc_gray_q40.jpg");
    let in_jpeg = |orientation: u8| {
        let content = [&b"Exif\0\0"[..], &exif(orientation)].concat();
        let len = (content.len() as u16 + 2).to_be_bytes();
        [&jpeg[..2], b"\xff\xe1", &len, &content, &jpeg[2..]].concat()
    };
    assert_eq!(said(&jpeg).await, [""; 0]);
    assert_eq!(said(&in_jpeg(1)).await, [""; 0]);
    for orientation in [2, 6, 8] {
        assert_eq!(said(&in_jpeg(orientation)).await, ["turned"], "{orientation}");
    }
}

#[tokio::test]
async fn radiographs_stored_as_pictures_are_read_without_a_word() {
    let pool = pool();
    for name in [
        "mhh_1479fa94.png",
        "mhh_19073f37.png",
        "mhh_19073f37_rgb420_q85.jpg",
        "mhh_5f619d7e.png",
        "mhh_5f619d7e_progressive_q85.jpg",
        "mhh_90070cbc_gray_q40.jpg",
        "nih_00000001_000.png",
    ] {
        assert_eq!(codes(&pool, &image_file(name)).await, Ok(vec![]), "{name}");
    }
}

fn image_file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/images");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// CRC-32 of a PNG chunk.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)))
    })
}
