//! Decoded grey pixels and their digest. Knows no file format.

use hilum_events::Sha256Digest;
use sha2::{Digest, Sha256};

/// Grey samples, row by row from the top left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Samples {
    /// Every value lies in 0..=65535.
    Unsigned(Vec<u16>),
    /// At least one value lies outside: signed DICOM pixels.
    Signed(Vec<i32>),
}

impl Samples {
    /// The compact form if every value fits into it.
    pub(crate) fn of_signed(values: Vec<i32>) -> Self {
        let fitting: Option<Vec<u16>> = values.iter().map(|value| u16::try_from(*value).ok()).collect();
        fitting.map_or(Self::Signed(values), Self::Unsigned)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Unsigned(values) => values.len(),
            Self::Signed(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Smallest and largest value; zero and zero when empty.
    pub(crate) fn range(&self) -> (i32, i32) {
        fn of<T: Copy + Ord + Into<i32>>(values: &[T]) -> Option<(i32, i32)> {
            Some(((*values.iter().min()?).into(), (*values.iter().max()?).into()))
        }
        match self {
            Self::Unsigned(values) => of(values),
            Self::Signed(values) => of(values),
        }
        .unwrap_or((0, 0))
    }
}

/// Why samples are not a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// Width times height is zero or another number than there are samples.
    #[error("{samples} samples do not make a picture of {width} x {height}")]
    SampleCount {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// How many came.
        samples: usize,
    },
    /// A sample is larger than the largest value of the picture, or that value is zero.
    #[error("a sample of {found} exceeds the largest value {max_value}")]
    ValueOutOfRange {
        /// What the header allows.
        max_value: u32,
        /// What is there.
        found: i32,
    },
}

/// A decoded grey picture, before any scaling.
///
/// Colour files give their first channel, as torchxrayvision's `load_image` takes it; alpha and PNG
/// transparency are dropped. DICOM values are stored values without rescale or window, `MONOCHROME1` turned
/// over, so that larger is always brighter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    max_value: u32,
    source_bits: u8,
    samples: Samples,
}

impl Picture {
    /// Checks that `samples` fill `width` × `height` pixels and none exceeds `max_value`.
    pub fn new(
        (width, height): (u32, u32),
        max_value: u32,
        source_bits: u8,
        samples: Samples,
    ) -> Result<Self, PictureError> {
        let count = u64::from(width) * u64::from(height);
        if count == 0 || count != samples.len() as u64 {
            return Err(PictureError::SampleCount { width, height, samples: samples.len() });
        }
        let (_, found) = samples.range();
        if max_value == 0 || i64::from(found) > i64::from(max_value) {
            return Err(PictureError::ValueOutOfRange { max_value, found });
        }
        let samples = match samples {
            Samples::Signed(values) => Samples::of_signed(values),
            unsigned @ Samples::Unsigned(_) => unsigned,
        };
        Ok(Self { width, height, max_value, source_bits, samples })
    }

    /// Pixels per row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The value of full brightness: 255 for 8 bits, 65535 for 16-bit PNG, 2^BitsStored − 1 for DICOM.
    pub fn max_value(&self) -> u32 {
        self.max_value
    }

    /// Bits per sample in the file (DICOM: BitsStored).
    pub fn source_bits(&self) -> u8 {
        self.source_bits
    }

    /// The pixels, row by row. Signed DICOM values may be negative; none exceeds [`Self::max_value`].
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// SHA-256 of what is seen, whatever the file around it was: the bytes `hilum-picture-1` and a zero;
    /// width, height and largest value as u32; one byte 0 or 1 for unsigned or signed; then every sample
    /// as u16 (unsigned) or i32 (signed). All numbers little endian.
    pub fn pixel_digest(&self) -> Sha256Digest {
        let mut hash = Sha256::new();
        hash.update(b"hilum-picture-1\0");
        for number in [self.width, self.height, self.max_value] {
            hash.update(number.to_le_bytes());
        }
        match &self.samples {
            Samples::Unsigned(values) => {
                hash.update([0]);
                update(&mut hash, values, |value| value.to_le_bytes());
            }
            Samples::Signed(values) => {
                hash.update([1]);
                update(&mut hash, values, |value| value.to_le_bytes());
            }
        }
        Sha256Digest::from_bytes(hash.finalize().into())
    }
}

fn update<T: Copy, const N: usize>(hash: &mut Sha256, values: &[T], bytes_of: impl Fn(T) -> [u8; N]) {
    const CHUNK_VALUES: usize = 8192;
    let mut bytes = Vec::with_capacity(CHUNK_VALUES * N);
    for chunk in values.chunks(CHUNK_VALUES) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|value| bytes_of(*value)));
        hash.update(&bytes);
    }
}

/// A small picture for people to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Width of the PNG, pixels.
    pub width: u32,
    /// Height of the PNG, pixels.
    pub height: u32,
    /// Width of the picture in the file, pixels.
    pub original_width: u32,
    /// Height of the picture in the file, pixels.
    pub original_height: u32,
    /// An 8-bit grey PNG.
    pub png: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(size: (u32, u32), max_value: u32, values: &[u16]) -> Picture {
        Picture::new(size, max_value, 8, Samples::Unsigned(values.to_vec())).unwrap()
    }

    #[test]
    fn the_digest_is_that_of_the_documented_bytes() {
        let mut bytes = b"hilum-picture-1\0".to_vec();
        bytes.extend([2, 0, 0, 0, 1, 0, 0, 0, 255, 0, 0, 0, 0, 7, 0, 255, 0]);
        assert_eq!(picture((2, 1), 255, &[7, 255]).pixel_digest(), Sha256Digest::of(&bytes));
    }

    #[test]
    fn the_digest_tells_size_range_and_values_apart() {
        let digests = [
            picture((2, 1), 255, &[1, 2]),
            picture((1, 2), 255, &[1, 2]),
            picture((2, 1), 4095, &[1, 2]),
            picture((2, 1), 255, &[2, 1]),
        ]
        .map(|picture| picture.pixel_digest());
        for (index, digest) in digests.iter().enumerate() {
            assert!(!digests[..index].contains(digest));
        }
    }

    #[test]
    fn signed_values_that_fit_are_the_same_picture_as_unsigned_ones() {
        let signed = Picture::new((2, 1), 255, 8, Samples::Signed(vec![1, 2])).unwrap();
        assert_eq!(signed, picture((2, 1), 255, &[1, 2]));
        let negative = Picture::new((2, 1), 255, 8, Samples::Signed(vec![-1, 2])).unwrap();
        assert_eq!(negative.samples(), &Samples::Signed(vec![-1, 2]));
    }

    #[test]
    fn samples_that_do_not_fit_the_size_or_range_are_no_picture() {
        let new = |size, max_value| Picture::new(size, max_value, 8, Samples::Unsigned(vec![1, 300]));
        assert!(new((2, 1), 300).is_ok());
        assert!(matches!(new((3, 1), 300), Err(PictureError::SampleCount { .. })));
        assert!(matches!(new((2, 1), 299), Err(PictureError::ValueOutOfRange { .. })));
        let empty = Picture::new((0, 5), 1, 8, Samples::Unsigned(vec![]));
        assert!(matches!(empty, Err(PictureError::SampleCount { .. })));
    }
}
