//! Contents for a load, made of small real images. Most show pixels that nobody has seen and have to go through the
//! model; some are a known picture in another file, whose reading is made use of again (ADR 0017).

use std::io::Cursor;
use std::sync::Arc;

use hilum_events::Sha256Digest;
use hilum_scu::Transfer;
use image::ImageFormat;
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;

use super::c_store;
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
/// Study and series of the DICOM samples.
const STUDY: &str = "2.25.337049676612046266235937868612973744166";
const SERIES: &str = "2.25.205117570953260735676861939954743321167";
/// Grey pixels that are changed, the last ones.
const PIXELS: usize = 4;

/// What is sent.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) sha256: Sha256Digest,
    /// The study that a DICOM file names.
    pub(super) study_uid: Option<String>,
    /// Whether it can't be decoded.
    pub(super) is_broken: bool,
}

impl Content {
    /// One that no one else has; `mark` makes it so. A DICOM file is of the study `study`.
    pub(super) fn new(random: &mut StdRng, mark: &str, study: &str, needs_dicom: bool) -> Self {
        let digest = Sha256Digest::of(mark.as_bytes());
        let is_fit = |name: &&&str| !needs_dicom || name.ends_with(".dcm");
        let (name, bytes) = if !needs_dicom && random.random_bool(BROKEN_ONES) {
            (BROKEN, other_file(BROKEN, &digest))
        } else if random.random_bool(KNOWN_PICTURES) {
            let name = KEPT.iter().filter(is_fit).choose(random).unwrap();
            (*name, other_file(name, &digest))
        } else {
            let name = CHANGED.iter().filter(is_fit).choose(random).unwrap();
            (*name, other_picture(name, &digest))
        };
        let study_uid = name.ends_with(".dcm").then(|| uid_of(study));
        let bytes = match &study_uid {
            Some(uid) => of_another_study(&bytes, uid, mark),
            None => bytes,
        };
        let sha256 = Sha256Digest::of(&bytes);
        Self { bytes: Arc::new(bytes), sha256, study_uid, is_broken: name == BROKEN }
    }

    pub(super) fn is_dicom(&self) -> bool {
        self.study_uid.is_some()
    }

    /// Of the file that the door for DICOM makes of it.
    pub(super) fn sha256_by_c_store(&self) -> Sha256Digest {
        Sha256Digest::of(&c_store::as_kept(&self.bytes))
    }
}

/// An identifier as long as those of the samples.
fn uid_of(name: &str) -> String {
    let digest = Sha256Digest::of(name.as_bytes());
    let number = u128::from_be_bytes(digest.as_bytes()[..16].try_into().unwrap());
    format!("2.25.{}", 10_u128.pow(38) + number % 10_u128.pow(38))
}

/// The same object as an instance of its own in a series of the study `study_uid`.
fn of_another_study(bytes: &[u8], study_uid: &str, mark: &str) -> Vec<u8> {
    let instance = Transfer::of(bytes).unwrap().sop_instance;
    let uids = [
        (STUDY, study_uid.to_owned()),
        (SERIES, uid_of(&format!("series of {study_uid}"))),
        (instance.trim_end_matches('\0'), uid_of(mark)),
    ];
    let mut bytes = bytes.to_vec();
    for (old, new) in uids {
        assert_eq!(old.len(), new.len());
        let places: Vec<usize> = bytes
            .windows(old.len())
            .enumerate()
            .filter(|(_, it)| *it == old.as_bytes())
            .map(|(at, _)| at)
            .collect();
        assert!(!places.is_empty(), "{old} is in no sample");
        for at in places {
            bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
        }
    }
    bytes
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
            let at = bytes.windows(4).position(|tag| tag == b"\xe0\x7f\x10\x00").unwrap();
            return Some(bytes[at..].to_vec());
        }
        Some(image::load_from_memory(bytes).ok()?.into_luma8().into_raw())
    }

    #[test]
    fn most_contents_show_a_picture_of_their_own_some_a_known_one_and_a_few_none() {
        let mut random = StdRng::seed_from_u64(1);
        let mut new = |number: u32| Content::new(&mut random, &number.to_string(), "study", false);
        let contents: Vec<_> = (0..200).map(&mut new).collect();
        assert_eq!(contents.iter().map(|content| content.sha256).collect::<HashSet<_>>().len(), 200);
        let pictures: Vec<_> = contents.iter().filter_map(|content| pixels(&content.bytes)).collect();
        let different = pictures.iter().collect::<HashSet<_>>().len();
        let (broken, known) = (200 - pictures.len(), pictures.len() - different);
        assert!((5..30).contains(&broken) && (30..80).contains(&known), "{broken} broken, {known} known");
    }

    #[test]
    fn a_dicom_file_names_the_study_that_is_told_and_an_instance_of_its_own() {
        let mut random = StdRng::seed_from_u64(1);
        let content = Content::new(&mut random, "mark", "study", true);
        let object = dicom_object::from_reader(&content.bytes[..]).unwrap();
        let text = |name| object.element_by_name(name).unwrap().to_str().unwrap().into_owned();
        assert_eq!(Some(text("StudyInstanceUID")), content.study_uid);
        assert_eq!(text("SOPInstanceUID"), uid_of("mark"));
        assert_eq!(object.meta().media_storage_sop_instance_uid(), uid_of("mark"));
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
