//! Decoded grey pixels and their digest. Knows no file format.

use hilum_events::Sha256Digest;
use sha2::{Digest, Sha256};

/// Grey samples, row by row from the top left, in the narrowest form that holds them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Samples {
    /// The picture's largest possible value is at most 255.
    Bytes(Vec<u8>),
    /// Every value lies in 0..=65535.
    Unsigned(Vec<u16>),
    /// At least one value lies outside: signed DICOM pixels.
    Signed(Vec<i32>),
}

impl From<Vec<u8>> for Samples {
    fn from(values: Vec<u8>) -> Self {
        Self::Bytes(values)
    }
}

impl From<Vec<u16>> for Samples {
    fn from(values: Vec<u16>) -> Self {
        Self::Unsigned(values)
    }
}

impl Samples {
    /// The compact form if every value fits into it.
    pub(crate) fn of_signed(values: Vec<i32>) -> Self {
        if values.iter().all(|value| u16::try_from(*value).is_ok()) {
            Self::Unsigned(values.iter().map(|value| *value as u16).collect())
        } else {
            Self::Signed(values)
        }
    }

    /// The one form there is for values up to `max_value`, none of which exceeds it.
    fn canonical(self, max_value: u32) -> Self {
        match (self, max_value <= 255) {
            (Self::Unsigned(values), true) => Self::Bytes(values.iter().map(|value| *value as u8).collect()),
            (Self::Bytes(values), false) => Self::Unsigned(values.iter().copied().map(u16::from).collect()),
            (Self::Signed(values), narrow) => match Self::of_signed(values) {
                signed @ Self::Signed(_) => signed,
                unsigned if narrow => unsigned.canonical(max_value),
                unsigned => unsigned,
            },
            (canonical, _) => canonical,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Unsigned(values) => values.len(),
            Self::Signed(values) => values.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, in one type.
    pub fn iter(&self) -> impl Iterator<Item = i32> + '_ {
        let (bytes, unsigned, signed): (&[u8], &[u16], &[i32]) = match self {
            Self::Bytes(values) => (values, &[], &[]),
            Self::Unsigned(values) => (&[], values, &[]),
            Self::Signed(values) => (&[], &[], values),
        };
        let (bytes, unsigned) =
            (bytes.iter().copied().map(i32::from), unsigned.iter().copied().map(i32::from));
        bytes.chain(unsigned).chain(signed.iter().copied())
    }

    /// Smallest and largest value; zero and zero when empty.
    pub(crate) fn range(&self) -> (i32, i32) {
        fn of<T: Copy + Ord + Into<i32>>(values: &[T]) -> Option<(i32, i32)> {
            let first = *values.first()?;
            let (low, high) =
                values.iter().fold((first, first), |(low, high), value| (low.min(*value), high.max(*value)));
            Some((low.into(), high.into()))
        }
        match self {
            Self::Bytes(values) => of(values),
            Self::Unsigned(values) => of(values),
            Self::Signed(values) => of(values),
        }
        .unwrap_or((0, 0))
    }

    /// The largest value there can be without looking at them.
    fn bound(&self) -> i64 {
        match self {
            Self::Bytes(_) => u8::MAX.into(),
            Self::Unsigned(_) => u16::MAX.into(),
            Self::Signed(_) => i32::MAX.into(),
        }
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
        if max_value == 0 || samples.bound() > i64::from(max_value) {
            let (_, found) = samples.range();
            if max_value == 0 || i64::from(found) > i64::from(max_value) {
                return Err(PictureError::ValueOutOfRange { max_value, found });
            }
        }
        Ok(Self { width, height, max_value, source_bits, samples: samples.canonical(max_value) })
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

    /// The pixels alone.
    pub(crate) fn into_samples(self) -> Samples {
        self.samples
    }

    /// SHA-256 of what is seen, whatever the file around it was: the bytes `hilum-picture-2` and a zero;
    /// width, height and largest value as u32; one byte 0 or 1 for unsigned or signed; then every sample as i32 if
    /// signed, else as u8 if the largest value is at most 255, else as u16. All numbers little endian.
    pub fn pixel_digest(&self) -> Sha256Digest {
        let mut hash = Sha256::new();
        hash.update(b"hilum-picture-2\0");
        for number in [self.width, self.height, self.max_value] {
            hash.update(number.to_le_bytes());
        }
        hash.update([u8::from(matches!(self.samples, Samples::Signed(_)))]);
        match &self.samples {
            Samples::Bytes(values) => hash.update(values),
            Samples::Unsigned(values) => update(&mut hash, values, u16::to_le_bytes),
            Samples::Signed(values) => update(&mut hash, values, i32::to_le_bytes),
        }
        Sha256Digest::from_bytes(hash.finalize().into())
    }
}

/// By way of a buffer that stays in the nearest cache.
fn update<T: Copy, const N: usize>(hash: &mut Sha256, values: &[T], bytes_of: impl Fn(T) -> [u8; N]) {
    const BUFFER_BYTES: usize = 8192;
    let mut buffer = [0; BUFFER_BYTES];
    for chunk in values.chunks(BUFFER_BYTES / N) {
        for (bytes, value) in buffer.chunks_exact_mut(N).zip(chunk) {
            bytes.copy_from_slice(&bytes_of(*value));
        }
        hash.update(&buffer[..chunk.len() * N]);
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

/// The only frame of a DICOM object as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFrame {
    /// A codestream, or samples in little endian, row by row without padding.
    pub bytes: Vec<u8>,
    /// Whether it is a codestream of the object's transfer syntax.
    pub is_encapsulated: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(size: (u32, u32), max_value: u32, values: &[u16]) -> Picture {
        Picture::new(size, max_value, 8, Samples::Unsigned(values.to_vec())).unwrap()
    }

    #[test]
    fn the_digest_is_that_of_the_documented_bytes() {
        let digest_of = |fields: &[u8]| Sha256Digest::of(&[b"hilum-picture-2\0", fields].concat());
        let narrow = digest_of(&[2, 0, 0, 0, 1, 0, 0, 0, 255, 0, 0, 0, 0, 7, 255]);
        assert_eq!(picture((2, 1), 255, &[7, 255]).pixel_digest(), narrow);
        let wide = digest_of(&[2, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 7, 0, 255, 0]);
        assert_eq!(picture((2, 1), 256, &[7, 255]).pixel_digest(), wide);
        let signed = Picture::new((1, 1), 255, 8, Samples::Signed(vec![-2])).unwrap();
        let expected = digest_of(&[1, 0, 0, 0, 1, 0, 0, 0, 255, 0, 0, 0, 1, 254, 255, 255, 255]);
        assert_eq!(signed.pixel_digest(), expected);
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
    fn the_largest_value_alone_decides_how_wide_unsigned_samples_are() {
        let samples = || [Samples::Bytes(vec![1]), Samples::Unsigned(vec![1]), Samples::Signed(vec![1])];
        for (max_value, expected) in [(255, Samples::Bytes(vec![1])), (256, Samples::Unsigned(vec![1]))] {
            for samples in samples() {
                let picture = Picture::new((1, 1), max_value, 8, samples).unwrap();
                assert_eq!(picture.samples(), &expected);
                assert_eq!(picture.samples().iter().collect::<Vec<_>>(), [1]);
            }
        }
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
