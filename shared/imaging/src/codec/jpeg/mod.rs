//! JPEG to grey, for files and for the codestreams inside DICOM. Every kind of JPEG goes through libjpeg-turbo,
//! whose pixels are those of Pillow to the last bit.

mod segments;
mod tidy;
mod turbo;
mod widen;

use self::turbo::{Color, Flaw, Jpeg};
use super::{Image, orientation};
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;
use crate::picture::{Picture, Samples};

/// A JPEG file. Colour gives its first channel (red), as torchxrayvision takes it; EXIF rotation is not applied, as
/// scikit-image does not apply it either.
pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, Refusal> {
    let Decoded { size, precision, samples, is_coloured } = first_channel(
        bytes,
        |jpeg| match jpeg.color {
            Color::Cmyk => Err(RefusalCode::CmykColor.into()),
            Color::Grey | Color::Rgb => Ok(()),
        },
        limits,
    )?;
    let picture = Picture::new(size, (1 << precision) - 1, precision, samples);
    let picture = picture.map_err(|_| RefusalCode::Damaged)?;
    // Behind the marker that begins every JPEG.
    let exif = bytes.get(2..).and_then(segments::exif);
    Ok(Image::plain(picture, is_coloured, exif.and_then(orientation)))
}

/// The single grey frame of a DICOM object, which must be `size` pixels, and the bits per sample that it says it has.
///
/// pydicom hands baseline JPEG to a decoder that keeps four fractional bits and rounds twice; see [`widen`]. Lossy
/// 8-bit frames are therefore decoded with 12 bits and rounded the same way: with it the two readers agree on 99.6 % of
/// the pixels of a chest image, without it on 97 %, and then all differences go in one direction.
pub(super) fn decode_frame(
    bytes: &[u8],
    size: (u32, u32),
    limits: &Limits,
) -> Result<(Vec<u16>, u32), Refusal> {
    let wide = widen::widened(bytes);
    let codestream = wide.as_deref().unwrap_or(bytes);
    let frame = first_channel(codestream, |jpeg| check_frame(jpeg, size), limits)?;
    let samples = match frame.samples {
        Samples::Bytes(values) => values.into_iter().map(u16::from).collect(),
        Samples::Unsigned(values) => values,
        Samples::Signed(_) => return Err(RefusalCode::Damaged.into()),
    };
    Ok(match wide {
        Some(_) => (widen::narrowed(samples), widen::BITS),
        None => (samples, frame.precision.into()),
    })
}

fn check_frame(jpeg: &Jpeg<'_>, (columns, rows): (u32, u32)) -> Result<(), Refusal> {
    let (width, height) = jpeg.size;
    if (width, height) != (columns, rows) {
        return Err(RefusalCode::SizeMismatch
            .with(format!("the frame is {width} x {height} pixels, the header says {columns} x {rows}")));
    }
    if jpeg.color == Color::Grey { Ok(()) } else { Err(RefusalCode::NotMonochrome.into()) }
}

/// What libjpeg-turbo gives.
struct Decoded {
    size: (u32, u32),
    precision: u8,
    samples: Samples,
    is_coloured: bool,
}

/// Decodes what passes `check`, if need be after putting its segments in order.
fn first_channel(
    bytes: &[u8],
    check: impl Fn(&Jpeg<'_>) -> Result<(), Refusal>,
    limits: &Limits,
) -> Result<Decoded, Refusal> {
    let attempt = |bytes: &[u8]| -> Result<Decoded, Flaw> {
        let jpeg = Jpeg::open(bytes, limits)?;
        check(&jpeg)?;
        let (samples, is_coloured) =
            if jpeg.color == Color::Grey { (jpeg.grey()?, false) } else { jpeg.red()? };
        Ok(Decoded { size: jpeg.size, precision: jpeg.precision, samples, is_coloured })
    };
    let tidied = || tidy::tidied(bytes).ok_or(RefusalCode::Damaged);
    match attempt(bytes) {
        Err(Flaw::Untidy) => attempt(&tidied()?).map_err(|flaw| match flaw {
            Flaw::Refused(refusal) => refusal,
            Flaw::Untidy => RefusalCode::Damaged.into(),
        }),
        Err(Flaw::Refused(refusal)) => Err(refusal),
        Ok(decoded) => Ok(decoded),
    }
}
