//! Grey pixels to a small PNG for people. Knows no file format it came from.

use fast_image_resize::images::Image;
use fast_image_resize::{FilterType as Resampling, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, GrayImage, ImageEncoder};

use crate::error::{Refusal, RefusalCode};
use crate::picture::{Picture, Preview, Samples};

/// The picture with its full range shown in 256 steps.
pub(super) fn of_picture(picture: &Picture) -> GrayImage {
    let max = f64::from(picture.max_value());
    grey((picture.width(), picture.height()), picture.samples(), |value| value / max)
}

/// An image of the brightness that `shade` gives each value: 0 is black, 1 is white, beyond is cut.
pub(super) fn grey((width, height): (u32, u32), samples: &Samples, shade: impl Fn(f64) -> f64) -> GrayImage {
    let level = |value: f64| (shade(value).clamp(0.0, 1.0) * 255.0).round() as u8;
    // A picture has more samples than values: each value is shaded once.
    let levels = match samples {
        Samples::Bytes(values) => {
            let table: Vec<u8> = (0..=u8::MAX).map(|value| level(f64::from(value))).collect();
            values.iter().map(|value| table[usize::from(*value)]).collect()
        }
        Samples::Unsigned(values) => {
            let table: Vec<u8> = (0..=u16::MAX).map(|value| level(f64::from(value))).collect();
            values.iter().map(|value| table[usize::from(*value)]).collect()
        }
        Samples::Signed(values) => values.iter().map(|value| level(f64::from(*value))).collect(),
    };
    GrayImage::from_raw(width, height, levels).unwrap_or_default()
}

/// Scales down, never up, and compresses.
pub(super) fn encode(grey: GrayImage, max_side_px: u32) -> Result<Preview, Refusal> {
    let (original_width, original_height) = grey.dimensions();
    let longest = original_width.max(original_height).max(1);
    let shown = if longest > max_side_px.max(1) {
        let scale = f64::from(max_side_px.max(1)) / f64::from(longest);
        let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
        reduced(grey, (scaled(original_width), scaled(original_height)))?
    } else {
        grey
    };
    let (width, height) = shown.dimensions();
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive)
        .write_image(shown.as_raw(), width, height, ExtendedColorType::L8)
        .map_err(|_| RefusalCode::Damaged)?;
    Ok(Preview { width, height, original_width, original_height, png })
}

/// Averages over what each new pixel covers, tapering off (a triangle as wide as two of them).
fn reduced(grey: GrayImage, (width, height): (u32, u32)) -> Result<GrayImage, Refusal> {
    let (from_width, from_height) = grey.dimensions();
    let from = Image::from_vec_u8(from_width, from_height, grey.into_raw(), PixelType::U8);
    let mut to = Image::new(width, height, PixelType::U8);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(Resampling::Bilinear));
    let resized = from.ok().and_then(|from| Resizer::new().resize(&from, &mut to, &options).ok());
    resized
        .and_then(|()| GrayImage::from_raw(width, height, to.into_vec()))
        .ok_or(RefusalCode::Damaged.into())
}
