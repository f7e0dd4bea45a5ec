//! Files made to bring a reader down end in an error, and the pool goes on.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use hilum_events::MediaType;
use hilum_imaging::{CrashCause, DecodeError, DecoderPool, DicomValues, Preparation, RefusalCode};

use crate::support::{config, image, pool};

/// Preamble and file meta group with `transfer_syntax`.
fn file_meta(transfer_syntax: &str) -> Vec<u8> {
    let mut uid = transfer_syntax.as_bytes().to_vec();
    uid.resize(uid.len().next_multiple_of(2), 0);
    let mut group = Vec::new();
    group.extend([2, 0, 0x10, 0, b'U', b'I', uid.len() as u8, 0]);
    group.extend(uid);
    let mut file = vec![0; 128];
    file.extend(b"DICM");
    file.extend([2, 0, 0, 0, b'U', b'L', 4, 0]);
    file.extend((group.len() as u32).to_le_bytes());
    file.extend(group);
    file
}

const EXPLICIT_LE: &str = "1.2.840.10008.1.2.1";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const JPEG_LS: &str = "1.2.840.10008.1.2.4.80";
const JPEG_BASELINE: &str = "1.2.840.10008.1.2.4.50";

/// Sequences of undefined length within each other, never closed.
fn nested(levels: usize) -> Vec<u8> {
    let mut file = file_meta(EXPLICIT_LE);
    for _ in 0..levels {
        file.extend([0x08, 0, 0x40, 0x11, b'S', b'Q', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        file.extend([0xFE, 0xFF, 0, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
    }
    file
}

/// A 100 × 100 grey DICOM whose only fragment is `codestream`.
fn encapsulated(transfer_syntax: &str, codestream: &[u8]) -> Vec<u8> {
    let mut file = file_meta(transfer_syntax);
    let text = |file: &mut Vec<u8>, tag: [u8; 4], text: &[u8]| {
        file.extend(tag);
        file.extend([b'C', b'S', text.len() as u8, 0]);
        file.extend(text);
    };
    let number = |file: &mut Vec<u8>, element: u16, value: u16| {
        file.extend([0x28, 0]);
        file.extend(element.to_le_bytes());
        file.extend([b'U', b'S', 2, 0]);
        file.extend(value.to_le_bytes());
    };
    number(&mut file, 0x0002, 1);
    text(&mut file, [0x28, 0, 0x04, 0], b"MONOCHROME2 ");
    for (element, value) in [(0x10, 100), (0x11, 100), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0)] {
        number(&mut file, element, value);
    }
    file.extend([0xE0, 0x7F, 0x10, 0, b'O', b'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
    file.extend([0xFE, 0xFF, 0, 0xE0, 0, 0, 0, 0]);
    file.extend([0xFE, 0xFF, 0, 0xE0]);
    file.extend((codestream.len() as u32).to_le_bytes());
    file.extend(codestream);
    file.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
    file
}

/// The grey sample JPEG with 65535 × 65535 in its frame header.
fn forged_jpeg() -> Vec<u8> {
    let mut jpeg = image("mhh_90070cbc_gray_q40.jpg");
    let frame = jpeg.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xFF);
    jpeg.resize(jpeg.len().next_multiple_of(2), 0);
    jpeg
}

/// The start of a PNG of `bits` bits per grey sample.
fn png_of(width: u32, height: u32, bits: u8) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([bits, 0, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in [(b"IHDR", &header[..]), (b"IDAT", &[0x78, 0x01])] {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(content);
        png.extend((content.len() as u32).to_be_bytes());
        png.extend(kind);
        png.extend(content);
        png.extend(crc.sum().to_be_bytes());
    }
    png
}

/// A deflated data set of `elements` elements of 64 MiB of zeros each.
fn deflate_bomb(elements: u8) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(file_meta(DEFLATED), Compression::fast());
    let zeros = vec![0; 64 << 20];
    for element in 0..elements {
        encoder.write_all(&[0x09, 0, element, 0x10, b'O', b'B', 0, 0]).unwrap();
        encoder.write_all(&(zeros.len() as u32).to_le_bytes()).unwrap();
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

async fn assert_alive(pool: &DecoderPool) {
    let picture = pool.decode(MediaType::Png, &image("basn0g16.png")).await.unwrap();
    assert_eq!((picture.width(), picture.height()), (32, 32));
}

async fn refused(media: MediaType, bytes: &[u8]) -> RefusalCode {
    let pool = pool();
    let code = crate::support::refusal(pool.decode(media, bytes).await);
    assert_eq!(crate::support::refusal(pool.prepare(media, bytes, &Preparation::default()).await), code);
    assert_alive(&pool).await;
    code
}

#[tokio::test]
async fn deeply_nested_sequences_are_refused() {
    for levels in [1_000, 20_000, 1_000_000] {
        let error = pool().inspect(&nested(levels)).await.unwrap_err();
        assert!(error.to_string().contains("sequences within each other"), "{levels} levels: {error}");
    }
    assert_eq!(refused(MediaType::Dicom, &nested(1_000_000)).await, RefusalCode::Damaged);
}

#[tokio::test]
async fn a_deflate_bomb_is_refused_for_what_it_becomes() {
    let pool = pool();
    assert_eq!(crate::support::refusal(pool.inspect(&deflate_bomb(20)).await), RefusalCode::FileTooLarge);
    assert_alive(&pool).await;
}

#[tokio::test]
async fn forged_sizes_are_refused_before_anything_is_allocated() {
    assert_eq!(refused(MediaType::Jpeg, &forged_jpeg()).await, RefusalCode::TooManyPixels);
    assert_eq!(refused(MediaType::Png, &png_of(65_535, 65_535, 8)).await, RefusalCode::TooManyPixels);
    assert_eq!(refused(MediaType::Png, &png_of(0x7FFF_FFFF, 1, 8)).await, RefusalCode::TooManyPixels);
}

#[tokio::test]
async fn a_codestream_larger_than_its_header_is_refused() {
    let jpeg = encapsulated(JPEG_BASELINE, &forged_jpeg());
    assert_eq!(refused(MediaType::Dicom, &jpeg).await, RefusalCode::TooManyPixels);
    let mut jpeg_ls = b"\xff\xd8\xff\xf7\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00".to_vec();
    jpeg_ls.extend(b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00\x00");
    assert_eq!(refused(MediaType::Dicom, &encapsulated(JPEG_LS, &jpeg_ls)).await, RefusalCode::SizeMismatch);
}

#[tokio::test]
async fn empty_and_tiny_files_are_refused() {
    for media in [MediaType::Png, MediaType::Jpeg, MediaType::Dicom] {
        assert_eq!(refused(media, b"").await, RefusalCode::NotAnImage);
    }
    assert_eq!(refused(MediaType::Png, b"\x89PNG\r\n\x1a\n").await, RefusalCode::Truncated);
    let jpeg = pool().decode(MediaType::Jpeg, b"\xff\xd8\xff").await;
    assert!(matches!(jpeg, Err(DecodeError::Refused(_))));
    assert!(refused(MediaType::Dicom, &file_meta(EXPLICIT_LE)).await == RefusalCode::NoPixelData);
}

#[tokio::test]
async fn a_length_beyond_the_end_of_the_file_is_refused_as_a_cut_file() {
    let mut file = file_meta(EXPLICIT_LE);
    file.extend([0x09, 0, 0x10, 0x10, b'O', b'B', 0, 0, 0xF0, 0xFF, 0xFF, 0xFF, 1, 2, 3]);
    assert_eq!(refused(MediaType::Dicom, &file).await, RefusalCode::Truncated);
    let head = pool().inspect_head(&file).await.unwrap_err();
    assert!(head.to_string().contains("no pixel data begins"), "{head}");
    assert_eq!(crate::support::refusal(Err::<(), _>(head)), RefusalCode::Truncated);
}

/// Also of the compressed ones, whose decoders might make a picture of what there is.
#[tokio::test]
async fn a_file_that_ends_within_its_pixel_data_is_refused_as_a_cut_file() {
    for name in [
        "chest_mhh_19073f37.dcm",
        "chest_mhh_5f619d7e_jpegls.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_RLE.dcm",
    ] {
        let whole = image(name);
        let cut = &whole[..whole.len() - whole.len() / 4];
        assert_eq!(refused(MediaType::Dicom, cut).await, RefusalCode::Truncated, "{name}");
        // The door has only the beginning of a long file.
        assert!(pool().inspect_head(cut).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn a_picture_that_needs_more_memory_than_allowed_is_an_error_of_its_own() {
    let mut config = config();
    config.memory_limit_bytes = 256 << 20;
    let pool = DecoderPool::new(config);
    let file = png_of(16_384, 6_100, 16);
    let decoded = pool.decode(MediaType::Png, &file).await.unwrap_err();
    let prepared = pool.prepare(MediaType::Png, &file, &Preparation::default()).await.unwrap_err();
    for error in [decoded, prepared] {
        assert!(matches!(error, DecodeError::Crashed(CrashCause::Memory)), "{error:?}");
    }
    assert_alive(&pool).await;
}

#[tokio::test]
async fn every_hostile_file_ends_as_it_is_written_down() {
    let listed = std::fs::read(crate::support::data("hostile.json")).unwrap();
    let expected: BTreeMap<String, String> = serde_json::from_slice(&listed).unwrap();
    let pool = pool();
    let mut found = BTreeMap::new();
    for path in crate::support::files(&crate::support::data("hostile")) {
        let bytes = std::fs::read(&path).unwrap();
        let outcome = match crate::support::decode(&pool, &bytes).await {
            Ok(_) => "read".to_owned(),
            Err(error) => {
                assert!(error.is_permanent(), "{}: {error:?}", path.display());
                error.code().to_owned()
            }
        };
        let preview = pool.preview(crate::support::media(&bytes), &bytes, 64).await;
        assert_eq!(preview.is_ok(), outcome == "read", "{}: {:?}", path.display(), preview.err());
        let windowed = pool.decode_as(crate::support::media(&bytes), &bytes, DicomValues::Window).await;
        assert!(windowed.as_ref().err().is_none_or(DecodeError::is_permanent), "{}", path.display());
        found.insert(path.file_name().unwrap().to_string_lossy().into_owned(), outcome);
    }
    assert_eq!(found, expected);
    assert_alive(&pool).await;
}

#[tokio::test]
async fn what_takes_too_long_is_stopped() {
    let mut config = config();
    config.time_limit = Duration::from_millis(1);
    let pool = DecoderPool::new(config);
    let preparation = Preparation::default();
    let error = pool.prepare(MediaType::Dicom, &deflate_bomb(4), &preparation).await.unwrap_err();
    assert!(matches!(error, DecodeError::TimedOut(_)), "{error:?}");
    assert!(!error.is_permanent());
}

#[tokio::test]
async fn a_file_that_brings_a_process_down_takes_no_other_with_it() {
    let mut config = config();
    config.memory_limit_bytes = 256 << 20;
    let (pool, preparation) = (DecoderPool::new(config), Preparation::default());
    let (good, bad) = (image("mhh_1479fa94.png"), png_of(16_384, 6_100, 16));
    for _ in 0..3 {
        let (good, bad) = tokio::join!(
            pool.prepare(MediaType::Png, &good, &preparation),
            pool.prepare(MediaType::Png, &bad, &preparation),
        );
        assert_eq!(good.unwrap().input.values.len(), 224 * 224);
        assert!(matches!(bad, Err(DecodeError::Crashed(CrashCause::Memory))), "{bad:?}");
    }
}

#[tokio::test]
async fn every_broken_file_fails_alike_decoded_or_prepared() {
    let Some(broken) = crate::support::beside_the_checkout("data/c_broken") else { return };
    let (pool, preparation) = (pool(), Preparation::default());
    let mut failed = 0;
    for path in crate::support::files(&broken) {
        let bytes = std::fs::read(&path).unwrap();
        let media = crate::support::media(&bytes);
        let decoded = pool.decode(media, &bytes).await.map(|picture| picture.pixel_digest());
        let prepared = pool.prepare(media, &bytes, &preparation).await.map(|prepared| prepared.pixel_digest);
        let text = |error: DecodeError| error.to_string();
        assert_eq!(
            decoded.map_err(text),
            prepared.map_err(|error| {
                failed += 1;
                text(error)
            }),
            "{}",
            path.display()
        );
    }
    assert!(failed > 20, "{failed}");
    assert_alive(&pool).await;
}
