//! Small pictures for people, made by the decoder's child processes. The only file here that knows the decoder.

use hilum_events::{MediaType, StoredImage};
use hilum_imaging::{DecodeError, DecoderConfig, DecoderPool};

use crate::page::Preview;

/// A file whose decoding is cut by the clock may only have met a busy machine: so often it is tried.
const TIMED_OUT_TRIES: u64 = 3;
/// Pictures of a report, and the longest side of each, pixels: a page stays below some 10 MB.
const SIDES: [(usize, u32); 3] = [(16, 512), (64, 256), (256, 128)];

/// Makes previews.
pub struct Previewer {
    pool: DecoderPool,
}

impl Previewer {
    /// Starts nothing yet.
    pub fn new(config: DecoderConfig) -> Self {
        Self { pool: DecoderPool::new(config) }
    }

    /// A preview from one that was stored with the reading, made smaller if it is too large.
    ///
    /// # Errors
    /// When trying again may help.
    pub(crate) async fn of_kept(
        &self,
        png: &[u8],
        max_side_px: u32,
        try_number: u64,
    ) -> Result<Preview, DecodeError> {
        if max_side_px == SIDES[0].1 {
            return Ok(Preview::Shown { png: png.to_vec() });
        }
        self.of_file(MediaType::Png, png, max_side_px, try_number).await
    }

    /// A preview of a file's bytes, or why it can't have one. `try_number` is 1 for the first try.
    ///
    /// # Errors
    /// When trying again may help.
    pub(crate) async fn preview(
        &self,
        image: &StoredImage,
        bytes: &[u8],
        max_side_px: u32,
        try_number: u64,
    ) -> Result<Preview, DecodeError> {
        self.of_file(image.media_type, bytes, max_side_px, try_number).await
    }

    async fn of_file(
        &self,
        media: MediaType,
        bytes: &[u8],
        max_side_px: u32,
        try_number: u64,
    ) -> Result<Preview, DecodeError> {
        match self.pool.preview(media, bytes, max_side_px).await {
            Ok(preview) => Ok(Preview::Shown { png: preview.png }),
            Err(error) if error.is_permanent() => Ok(Preview::Missing { reason: error.to_string() }),
            Err(error @ DecodeError::TimedOut(_)) if try_number >= TIMED_OUT_TRIES => {
                Ok(Preview::Missing { reason: error.to_string() })
            }
            Err(error) => Err(error),
        }
    }
}

/// The longest side of each preview, pixels, in a report with so many pictures; `None` for too many to show.
pub(crate) fn max_side_px(pictures: usize) -> Option<u32> {
    SIDES.iter().find(|(most, _)| pictures <= *most).map(|(_, side)| *side)
}
