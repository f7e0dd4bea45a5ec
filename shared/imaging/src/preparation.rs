//! One file to the numbers that the model takes: settings, result, and the way between them. Knows no process.

use std::time::Instant;

use hilum_events::{MediaType, Sha256Digest};
use hilum_headers::ImageHeader;
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::dicom_values::DicomValues;
use crate::error::Refusal;
use crate::limits::Limits;
use crate::picture::Preview;
use crate::plain::PlainFacts;
use crate::preprocess::{ModelInput, Preprocessing, preprocess};

/// The settings that decide which numbers a model sees of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    /// Crop, resize and scale.
    pub preprocessing: Preprocessing,
    /// Which values of a DICOM object are seen; without meaning for other files.
    pub values: DicomValues,
}

impl Preparation {
    /// A stable name for these settings: that of the preprocessing, with `win` before its version when DICOM is seen
    /// through its window, such as `xrv-skimage-224-win-1`.
    pub fn id(&self) -> String {
        match self.values {
            DicomValues::Stored => self.preprocessing.id(),
            DicomValues::Window => self.preprocessing.variant_id("-win"),
        }
    }
}

/// A file as the model takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The numbers.
    pub input: ModelInput,
    /// Digest of the picture before it was scaled, [`Picture::pixel_digest`](crate::Picture::pixel_digest).
    pub pixel_digest: Sha256Digest,
    /// What the header says that the image shows, if the file is a DICOM object.
    pub header: Option<ImageHeader>,
    /// Facts about the picture, if the file is no DICOM object.
    pub plain: Option<PlainFacts>,
    /// The picture for people, if it was asked for.
    pub preview: Option<Preview>,
    /// Wall-clock time from file bytes to pixels, their digest and the preview, milliseconds.
    pub decode_ms: f32,
    /// Wall-clock time from pixels to numbers, milliseconds.
    pub preprocess_ms: f32,
}

/// Decodes, digests and preprocesses, and makes a preview if its longest side is given. Runs only inside the decoder process, like everything in [`codec`].
pub(crate) fn prepare(
    media: MediaType,
    bytes: Vec<u8>,
    preparation: &Preparation,
    limits: &Limits,
    preview_side_px: Option<u32>,
) -> Result<Prepared, Refusal> {
    let begun = Instant::now();
    let decoded = codec::decode_and_show(media, bytes, preparation.values, limits, preview_side_px)?;
    let pixel_digest = decoded.picture.pixel_digest();
    let decode_ms = milliseconds_since(begun);
    let begun = Instant::now();
    let input = preprocess(&decoded.picture, &preparation.preprocessing);
    let preprocess_ms = milliseconds_since(begun);
    let (header, plain, preview) = (decoded.header, decoded.plain, decoded.preview);
    Ok(Prepared { input, pixel_digest, header, plain, preview, decode_ms, preprocess_ms })
}

fn milliseconds_since(begun: Instant) -> f32 {
    begun.elapsed().as_secs_f32() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_shows_in_the_name() {
        let mut preparation = Preparation::default();
        assert_eq!(preparation.id(), "xrv-skimage-224-1");
        preparation.values = DicomValues::Window;
        assert_eq!(preparation.id(), "xrv-skimage-224-win-1");
        preparation.preprocessing.value_range = 1.0;
        assert_eq!(preparation.id(), "xrv-skimage-224-r1-win-1");
    }
}
