//! Contents for a load, made of small real images. Most show pixels that nobody has seen and have to go through the
//! model; some are a known picture in another file, whose reading is made use of again (ADR 0017).

use std::io::Cursor;

use hilum_events::Sha256Digest;
use image::ImageFormat;
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::api::sample;

/// Their pixels can be changed.
const CHANGED: [&str; 5] = [
    "hopper_gray.jpg",
    "mhh_90070cbc_gray_q40.jpg",
    "mhh_5f619d7e_progressive_q85.jpg",
    "mhh_19073f37_rgb420_q85.jpg",
    "chest_mhh_19073f37.dcm",
];
/// They come as they are, in files that differ elsewhere.
const KEPT: [&str; 4] = [
    "hopper_gray.jpg",
    "mhh_90070cbc_gray_q40.jpg",
    "mhh_19073f37_rgb420_q85.jpg",
    "chest_mhh_5f619d7e_jpegls.dcm",
];
/// It is taken in and then can't be decoded.
const BROKEN: &str = "broken_data_stream.png";
const BROKEN_ONES: f64 = 0.08;
/// Of all that can be read, how many show a known picture.
const KNOWN_PICTURES: f64 = 0.3;
/// Grey pixels that are changed, the last ones.
const PIXELS: usize = 4;

/// A content that no one else has; `mark` makes it so.
pub(super) fn new(random: &mut StdRng, mark: &str) -> Vec<u8> {
    let digest = Sha256Digest::of(mark.as_bytes());
    if random.random_bool(BROKEN_ONES) {
        other_file(BROKEN, &digest)
    } else if random.random_bool(KNOWN_PICTURES) {
        other_file(KEPT.choose(random).unwrap(), &digest)
    } else {
        other_picture(CHANGED.choose(random).unwrap(), &digest)
    }
}

/// The picture of a sample image in a file of its own.
fn other_file(name: &str, digest: &Sha256Digest) -> Vec<u8> {
    let mut bytes = std::fs::read(sample(name)).unwrap();
    if name.ends_with(".dcm") {
        // The preamble of a DICOM file is free for any use.
        bytes[..32].copy_from_slice(digest.as_bytes());
    } else {
        // What follows the end is not part of the picture.
        bytes.extend_from_slice(digest.as_bytes());
    }
    bytes
}

/// A sample image with a few other pixels: a JPEG becomes a PNG, which keeps them as they are.
fn other_picture(name: &str, digest: &Sha256Digest) -> Vec<u8> {
    let bytes = std::fs::read(sample(name)).unwrap();
    if name.ends_with(".dcm") {
        // It is not compressed, and its pixels, a byte each, end the file.
        return with_other_end(bytes, digest);
    }
    let picture = image::load_from_memory(&bytes).unwrap().into_luma8();
    let (width, height) = picture.dimensions();
    let pixels = with_other_end(picture.into_raw(), digest);
    let picture = image::GrayImage::from_raw(width, height, pixels).unwrap();
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

fn with_other_end(mut bytes: Vec<u8>, digest: &Sha256Digest) -> Vec<u8> {
    let start = bytes.len() - PIXELS;
    bytes[start..].copy_from_slice(&digest.as_bytes()[..PIXELS]);
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng as _;

    use super::*;

    /// `None` of what can't be decoded.
    fn pixels(bytes: &[u8]) -> Option<Vec<u8>> {
        if &bytes[128..132] == b"DICM" {
            return Some(bytes[132..].to_vec());
        }
        Some(image::load_from_memory(bytes).ok()?.into_luma8().into_raw())
    }

    #[test]
    fn most_contents_show_a_picture_of_their_own_some_a_known_one_and_a_few_none() {
        let mut random = StdRng::seed_from_u64(1);
        let contents: Vec<_> = (0..200).map(|number| new(&mut random, &number.to_string())).collect();
        assert_eq!(contents.iter().collect::<HashSet<_>>().len(), 200);
        let pictures: Vec<_> = contents.iter().filter_map(|bytes| pixels(bytes)).collect();
        let different = pictures.iter().collect::<HashSet<_>>().len();
        let (broken, known) = (200 - pictures.len(), pictures.len() - different);
        assert!((5..30).contains(&broken) && (30..80).contains(&known), "{broken} broken, {known} known");
    }

    #[test]
    fn another_picture_differs_in_a_few_pixels_only() {
        let digest = Sha256Digest::of(b"mark");
        for name in CHANGED {
            let kept = std::fs::read(sample(name)).unwrap();
            let (kept, changed) = (pixels(&kept).unwrap(), pixels(&other_picture(name, &digest)).unwrap());
            assert_eq!(kept.len(), changed.len(), "{name}");
            let differ = kept.iter().zip(&changed).filter(|(a, b)| a != b).count();
            assert!((1..=PIXELS).contains(&differ), "{name}: {differ}");
        }
    }
}
