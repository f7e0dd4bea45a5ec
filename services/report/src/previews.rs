//! Small pictures for people of images whose reading kept none, and the headers of DICOM images, made and read by the
//! decoder's child processes. The only file here that starts them.

use hilum_events::StoredImage;
use hilum_imaging::{DecodeError, DecoderConfig, DecoderPool, StudyHeader};

/// A file whose decoding is cut by the clock may only have met a busy machine: so often it is tried.
const TIMED_OUT_TRIES: u64 = 3;
/// The longest side, as of those that are kept with a reading, pixels.
const MAX_SIDE_PX: u32 = 512;

/// What became of a picture.
pub(crate) enum Made {
    /// A grey PNG.
    Picture { png: Vec<u8> },
    /// The file gives none, however often it is tried.
    Nothing { reason: String },
}

/// Makes previews.
pub struct Previewer {
    pool: DecoderPool,
}

impl Previewer {
    /// Starts nothing yet.
    pub fn new(config: DecoderConfig) -> Self {
        Self { pool: DecoderPool::new(config) }
    }

    /// Whose a DICOM file is, and which study it is of.
    pub(crate) async fn study_header(&self, bytes: &[u8]) -> Result<StudyHeader, DecodeError> {
        self.pool.study_header(bytes).await
    }

    /// A preview of an image's file, or why it can't have one. `try_number` is 1 for the first try.
    ///
    /// # Errors
    /// When trying again may help.
    pub(crate) async fn make(
        &self,
        image: &StoredImage,
        bytes: &[u8],
        try_number: u64,
    ) -> Result<Made, DecodeError> {
        match self.pool.preview(image.media_type, bytes, MAX_SIDE_PX).await {
            Ok(preview) => Ok(Made::Picture { png: preview.png }),
            Err(error) if error.is_permanent() => Ok(Made::Nothing { reason: error.to_string() }),
            Err(error @ DecodeError::TimedOut(_)) if try_number >= TIMED_OUT_TRIES => {
                Ok(Made::Nothing { reason: error.to_string() })
            }
            Err(error) => Err(error),
        }
    }
}
