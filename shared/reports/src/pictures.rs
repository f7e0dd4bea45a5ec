//! The pictures that a document names: which of them a form shows and how large. Knows nothing of where they are kept,
//! and reads only what Hilum made itself: small grey PNGs whose hash was verified.

use std::collections::BTreeMap;
use std::io::Cursor;

use hilum_events::{BlobRef, Sha256Digest};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::imageops::{self, FilterType as Resampling};
use image::{ExtendedColorType, GrayImage, ImageEncoder as _, ImageFormat, ImageReader, ImageResult, Limits};

use crate::document::Report;

/// Files of pictures that one form holds together, bytes: 200 of 512 × 512 grey samples that nothing compresses.
const FILES_MAX_BYTES: u64 = 64 << 20;
/// Longest side that is read, pixels; none that Hilum makes is longer than 512.
const SIDE_MAX_PX: u32 = 2048;

/// A picture that a document names, or why it can't be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// A PNG.
    Shown {
        /// Its bytes.
        png: Vec<u8>,
    },
    /// It can't be had.
    Missing {
        /// Why, for people.
        reason: String,
    },
}

/// The pictures of a report, by the SHA-256 under which the document names them.
pub type Pictures = BTreeMap<Sha256Digest, Picture>;

/// Which of a report's pictures a form shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// These, each made smaller if it is larger.
    Shown {
        /// In the order of the images, each once.
        previews: Vec<BlobRef>,
        /// Longest side, pixels.
        max_side_px: u32,
    },
    /// None.
    Nothing {
        /// Why, for people.
        reason: String,
    },
}

/// The choice of a form that shows the first `images` images. `sides` says which longest side, pixels, pictures may have up to
/// which number of them; above its last number none is shown.
pub(crate) fn choose(report: &Report, images: usize, sides: &[(usize, u32)]) -> Choice {
    let pictures = report.previews(report.images.len()).len();
    let Some((_, max_side_px)) = sides.iter().find(|(most, _)| pictures <= *most).copied() else {
        return Choice::Nothing {
            reason: format!("the study has {pictures} pictures, too many to show here"),
        };
    };
    let previews: Vec<BlobRef> = report.previews(images).into_iter().cloned().collect();
    let size_bytes = previews.iter().fold(0_u64, |sum, preview| sum.saturating_add(preview.size_bytes));
    if size_bytes > FILES_MAX_BYTES {
        return Choice::Nothing { reason: "the pictures of the study are too large to show here".to_owned() };
    }
    Choice::Shown { previews, max_side_px }
}

/// The picture made small enough that no side is longer than `max_side_px`.
pub fn reduced(png: Vec<u8>, max_side_px: u32) -> Picture {
    match smaller(&png, max_side_px) {
        Ok(None) => Picture::Shown { png },
        Ok(Some(png)) => Picture::Shown { png },
        // What it says could come from the file, and no file of ours makes it say anything.
        Err(_) => Picture::Missing { reason: "what was stored as its picture is not one".to_owned() },
    }
}

/// `None` if it is small enough.
fn smaller(png: &[u8], max_side_px: u32) -> ImageResult<Option<Vec<u8>>> {
    let (width, height) = reader(png).into_dimensions()?;
    let longest = width.max(height).max(1);
    if longest <= max_side_px {
        return Ok(None);
    }
    let scale = f64::from(max_side_px.max(1)) / f64::from(longest);
    let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    encode(&imageops::resize(&grey(png)?, scaled(width), scaled(height), Resampling::Triangle)).map(Some)
}

/// Its samples.
pub(crate) fn grey(png: &[u8]) -> ImageResult<GrayImage> {
    Ok(reader(png).decode()?.into_luma8())
}

fn reader(png: &[u8]) -> ImageReader<Cursor<&[u8]>> {
    let mut reader = ImageReader::with_format(Cursor::new(png), ImageFormat::Png);
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(SIDE_MAX_PX), Some(SIDE_MAX_PX));
    reader.limits(limits);
    reader
}

/// A grey PNG of the picture.
pub(crate) fn encode(grey: &GrayImage) -> ImageResult<Vec<u8>> {
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive).write_image(
        grey.as_raw(),
        grey.width(),
        grey.height(),
        ExtendedColorType::L8,
    )?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{one_of_each, picture};

    const SIDES: [(usize, u32); 2] = [(2, 512), (4, 256)];

    /// A report with so many different pictures of `size_bytes` each.
    fn with_pictures(pictures: usize, size_bytes: u64) -> Report {
        let mut report = one_of_each();
        let image = report.images[0].clone();
        report.images = (0..pictures)
            .map(|number| {
                let sha256 = Sha256Digest::of(&number.to_be_bytes());
                let preview = Some(BlobRef { key: format!("sha256/{sha256}"), sha256, size_bytes });
                crate::ImageEntry { preview, ..image.clone() }
            })
            .collect();
        report
    }

    fn side(report: &Report) -> Option<u32> {
        match choose(report, usize::MAX, &SIDES) {
            Choice::Shown { max_side_px, .. } => Some(max_side_px),
            Choice::Nothing { .. } => None,
        }
    }

    #[test]
    fn the_more_pictures_the_smaller_they_are_and_too_many_are_not_shown() {
        let sides = [0, 2, 3, 4, 5].map(|pictures| side(&with_pictures(pictures, 1000)));
        assert_eq!(sides, [Some(512), Some(512), Some(256), Some(256), None]);
        let Choice::Nothing { reason } = choose(&with_pictures(5, 1000), 1, &SIDES) else { panic!("shown") };
        assert_eq!(reason, "the study has 5 pictures, too many to show here");
    }

    #[test]
    fn pictures_that_are_too_large_together_are_not_shown() {
        assert_eq!(side(&with_pictures(4, FILES_MAX_BYTES / 4)), Some(256));
        assert_eq!(side(&with_pictures(4, FILES_MAX_BYTES / 4 + 1)), None);
        assert_eq!(side(&with_pictures(4, u64::MAX)), None);
    }

    #[test]
    fn a_picture_that_several_images_share_is_chosen_once_and_only_for_images_that_are_shown() {
        let mut report = with_pictures(3, 1000);
        report.images[1].preview = report.images[0].preview.clone();
        let chosen = |images| match choose(&report, images, &SIDES) {
            Choice::Shown { previews, .. } => previews.len(),
            Choice::Nothing { .. } => 0,
        };
        assert_eq!((chosen(3), chosen(2), chosen(0)), (2, 1, 0));
    }

    fn size(picture: &Picture) -> (u32, u32) {
        let Picture::Shown { png } = picture else { panic!("{picture:?}") };
        reader(png).into_dimensions().unwrap()
    }

    #[test]
    fn a_larger_picture_is_reduced_and_a_small_one_stays_as_it_is() {
        let png = picture(512, 300);
        assert_eq!(reduced(png.clone(), 512), Picture::Shown { png: png.clone() });
        assert_eq!(size(&reduced(png.clone(), 256)), (256, 150));
        assert_eq!(size(&reduced(picture(257, 100), 256)), (256, 100));
        assert_eq!(size(&reduced(png.clone(), 1)), (1, 1));
        assert_eq!(reduced(png.clone(), 128), reduced(png, 128), "the same bytes each time");
    }

    #[test]
    fn a_reduced_picture_keeps_its_brightness() {
        let half = GrayImage::from_fn(512, 512, |x, _| image::Luma([if x < 256 { 40 } else { 200 }]));
        let Picture::Shown { png } = reduced(encode(&half).unwrap(), 128) else { panic!("it is a picture") };
        let small = reader(&png).decode().unwrap().into_luma8();
        assert_eq!((small.get_pixel(10, 64).0, small.get_pixel(110, 64).0), ([40], [200]));
    }

    #[test]
    fn what_is_no_picture_or_larger_than_any_of_ours_is_missing() {
        let huge = picture(SIDE_MAX_PX + 1, 1);
        for bytes in [b"\x89PNG\r\n\x1a\nnothing more".to_vec(), Vec::new(), huge] {
            assert!(matches!(reduced(bytes, 512), Picture::Missing { .. }));
        }
    }
}
