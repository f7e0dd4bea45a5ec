//! Grey samples to a small PNG for people. Knows no file format they came from.

use std::borrow::Cow;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType as Resampling, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};

use super::{averages, levels};
use crate::error::{Refusal, RefusalCode};
use crate::picture::{Picture, Preview, Samples};

/// The picture with its full range shown in 256 steps.
pub(super) fn of_picture(picture: &Picture, max_side_px: u32) -> Result<Preview, Refusal> {
    let max = picture.max_value();
    of((picture.width(), picture.height()), picture.samples(), max_side_px, |samples| match samples {
        Samples::Bytes(levels) if max == u32::from(u8::MAX) => Cow::Borrowed(levels.as_slice()),
        other => Cow::Owned(levels::of(other, |value| {
            (f64::from(value.max(0)) / f64::from(max) * f64::from(u8::MAX)).round() as u8
        })),
    })
}

/// A picture of the brightness that `shade` gives to samples: 0 is black, 255 white. They are averaged first, which costs less
/// than shading all of a large picture. Never larger than the original.
pub(super) fn of(
    (original_width, original_height): (u32, u32),
    samples: &Samples,
    max_side_px: u32,
    shade: impl Fn(&Samples) -> Cow<'_, [u8]>,
) -> Result<Preview, Refusal> {
    let (size, samples) = averages::of((original_width, original_height), samples, max_side_px);
    let levels = shade(&samples);
    let (width, height) = fitted((original_width, original_height), max_side_px);
    let levels =
        if size == (width, height) { levels } else { resized(size, &levels, (width, height))?.into() };
    let mut png = Vec::new();
    // This filter alone makes files 5 to 10 % larger than the best one for each row, which takes a third longer.
    PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Avg)
        .write_image(&levels, width, height, ExtendedColorType::L8)
        .map_err(|_| RefusalCode::Damaged)?;
    Ok(Preview { width, height, original_width, original_height, png })
}

/// The same shape with no side longer than `max_side_px`.
fn fitted((width, height): (u32, u32), max_side_px: u32) -> (u32, u32) {
    let (longest, max_side_px) = (width.max(height), max_side_px.max(1));
    if longest <= max_side_px {
        return (width, height);
    }
    let scale = f64::from(max_side_px) / f64::from(longest);
    let scaled = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    (scaled(width), scaled(height))
}

/// Averages over what each new pixel covers, tapering off (a triangle as wide as two of them).
fn resized(
    (from_width, from_height): (u32, u32),
    levels: &[u8],
    (width, height): (u32, u32),
) -> Result<Vec<u8>, Refusal> {
    let mut resized = vec![0; width as usize * height as usize];
    let from = TypedImageRef::<U8>::from_buffer(from_width, from_height, levels);
    let mut to =
        TypedImage::<U8>::from_buffer(width, height, &mut resized).map_err(|_| RefusalCode::Damaged)?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(Resampling::Bilinear));
    // Typed, or the code for each of the other twelve kinds of pixels is compiled too, which takes a minute.
    from.ok()
        .and_then(|from| Resizer::new().resize_typed(&from, &mut to, &options).ok())
        .ok_or(RefusalCode::Damaged)?;
    Ok(resized)
}
