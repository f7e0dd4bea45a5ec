//! PNG to grey: palettes and 1, 2 and 4 bits are expanded to 8, then the first channel is taken and transparency
//! dropped, as scikit-image's `imread` and torchxrayvision's `load_image` do it between them.

use std::io::{Cursor, ErrorKind};

use image::codecs::png::PngDecoder;
use image::error::{ImageError, LimitErrorKind};
use image::{ImageDecoder, Limits as ImageLimits};

use super::colour::is_coloured;
use super::{Image, orientation};
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;
use crate::picture::{Picture, Samples};

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<Image, Refusal> {
    let refuse = |error| refusal(&error, bytes);
    let mut decoder = PngDecoder::with_limits(Cursor::new(bytes), image_limits(limits)).map_err(refuse)?;
    let (width, height) = decoder.dimensions();
    limits.check_size(width, height)?;
    let color = decoder.color_type();
    let channels = usize::from(color.channel_count());
    let exif = decoder.exif_metadata().map_err(refuse)?;
    let mut data = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut data).map_err(refuse)?;
    let (bits, is_coloured, samples) = if usize::from(color.bytes_per_pixel()) == channels {
        let is_coloured = is_coloured(&data, channels, u8::MAX.into());
        (
            8,
            is_coloured,
            Samples::Bytes(if channels == 1 { data } else { data.into_iter().step_by(channels).collect() }),
        )
    } else {
        let values = data.chunks_exact(2).map(|bytes| u16::from_ne_bytes([bytes[0], bytes[1]]));
        let values: Vec<u16> = values.collect();
        let is_coloured = is_coloured(&values, channels, u16::MAX.into());
        (16, is_coloured, Samples::Unsigned(values.into_iter().step_by(channels).collect()))
    };
    let max_value = (1u32 << bits) - 1;
    let picture =
        Picture::new((width, height), max_value, bits, samples).map_err(|_| RefusalCode::Damaged)?;
    Ok(Image::plain(picture, is_coloured, exif.and_then(|exif| orientation(&exif))))
}

fn image_limits(limits: &Limits) -> ImageLimits {
    // Width and height are checked against our own limits with a better reason; this bounds what
    // the library allocates beside the pixels.
    const CHUNKS_MAX_BYTES: u64 = 64 << 20;
    let mut image_limits = ImageLimits::no_limits();
    image_limits.max_alloc = Some(limits.max_pixels.saturating_mul(8).saturating_add(CHUNKS_MAX_BYTES));
    image_limits
}

fn refusal(error: &ImageError, bytes: &[u8]) -> Refusal {
    match error {
        ImageError::Limits(limit) => match limit.kind() {
            LimitErrorKind::Unsupported { .. } => RefusalCode::Damaged.into(),
            _ => RefusalCode::TooManyPixels.into(),
        },
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            RefusalCode::Truncated.into()
        }
        _ if !bytes.windows(4).rev().any(|chunk_type| chunk_type == b"IEND") => RefusalCode::Truncated.into(),
        _ => RefusalCode::Damaged.into(),
    }
}
