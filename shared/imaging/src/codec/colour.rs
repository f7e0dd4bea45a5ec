//! Whether a picture has colour: more than the noise of a camera or the tint of a film. Knows no file format.

/// The distance between the channels of a pixel, as a part of the largest value, from which on it has a colour.
const CHROMA_PART: u32 = 8;
/// The part of the pixels that must have one: coloured letters on a radiograph are less.
const PIXELS_PART: usize = 100;

/// Whether many pixels have a saturated colour. `samples` are red, green and blue side by side; what follows in a pixel, up
/// to `channels`, is left alone.
pub(super) fn is_coloured<T: Copy + Into<u32>>(samples: &[T], channels: usize, max_value: u32) -> bool {
    if channels < 3 {
        return false;
    }
    let pixels = samples.chunks_exact(channels);
    let count = pixels.len();
    let has_colour = |pixel: &&[T]| {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(Into::into);
        let (low, high) = (red.min(green).min(blue), red.max(green).max(blue));
        (high - low).saturating_mul(CHROMA_PART) > max_value
    };
    let coloured = pixels.filter(has_colour).count();
    coloured > 0 && coloured.saturating_mul(PIXELS_PART) >= count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundredth_of_saturated_pixels_is_colour_and_a_tint_is_none() {
        let picture = |coloured: usize| {
            let mut samples = [100_u8, 110, 120].repeat(1000);
            samples[..3 * coloured].copy_from_slice(&[200, 30, 30].repeat(coloured));
            samples
        };
        assert!(!is_coloured(&picture(0), 3, 255));
        assert!(!is_coloured(&picture(9), 3, 255));
        assert!(is_coloured(&picture(10), 3, 255));
        assert!(is_coloured(&[60_000_u16, 0, 0, 65_535], 4, 65_535), "with transparency");
        assert!(!is_coloured(&[200_u8, 0], 2, 255), "grey and transparency");
        assert!(!is_coloured::<u8>(&[], 3, 255));
    }
}
