//! The pictures that a form shows, from storage. One that can't be had is a sentence in its place.

use futures::{StreamExt as _, TryStreamExt as _};
use hilum_blobs::BlobStore;
use hilum_events::{BlobRef, Sha256Digest};
use hilum_reports::{Choice, Picture, Pictures, reduced};

use crate::error::FormError;
use crate::turn::Turn;

/// Pictures of one form fetched and reduced at a time.
const AT_ONCE: usize = 4;

/// Fetches the pictures that are chosen and makes them small.
///
/// # Errors
/// When the storage is away.
pub(crate) async fn chosen(blobs: &BlobStore, turn: &Turn, choice: Choice) -> Result<Pictures, FormError> {
    let Choice::Shown { previews, max_side_px } = choice else { return Ok(Pictures::new()) };
    let pictures = futures::stream::iter(previews)
        .map(|preview| async move { picture(blobs, turn, &preview, max_side_px).await });
    pictures.buffer_unordered(AT_ONCE).try_collect().await
}

async fn picture(
    blobs: &BlobStore,
    turn: &Turn,
    preview: &BlobRef,
    max_side_px: u32,
) -> Result<(Sha256Digest, Picture), FormError> {
    let picture = match blobs.get(preview).await {
        Ok(png) => turn.work(move || reduced(png.into(), max_side_px)).await?,
        Err(error) if error.is_transient() => return Err(FormError::Away(error)),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a picture is not what was stored");
            Picture::Missing { reason: error.to_string() }
        }
    };
    Ok((preview.sha256, picture))
}
