//! The headers that say whose the images of a report are, for DICOM objects and for messages that name a patient. The files
//! were uploaded, so the decoder's child processes read them. What comes back names patients.

use hilum_blobs::BlobStore;
use hilum_dicom::Sources;
use hilum_events::BlobRef;
use hilum_imaging::DecoderPool;
use hilum_reports::Report;

use crate::error::FormError;

/// The headers of a report's images.
pub(crate) struct Headers {
    pub(crate) sources: Sources,
    /// Whether each image's file was to be had. An image without a readable header lacks nothing.
    pub(crate) is_whole: bool,
}

/// The headers that forms of `report` want which name a patient. One file is in memory at a time; what is `known` is not read
/// again.
///
/// # Errors
/// The storage is away, or the decoder can't work.
pub(crate) async fn of(
    blobs: &BlobStore,
    decoder: &DecoderPool,
    report: &Report,
    known: &Sources,
) -> Result<Headers, FormError> {
    let (mut headers, mut is_whole) = (Vec::new(), true);
    for image in Sources::wanted(report) {
        if let Some(header) = known.of(&image.sha256) {
            headers.push((image.sha256, header.clone()));
            continue;
        }
        let Some(object) = report.provenance.objects.iter().find(|object| object.sha256 == image.sha256)
        else {
            is_whole = false;
            continue;
        };
        let blob = BlobRef { key: object.key.clone(), sha256: image.sha256, size_bytes: image.size_bytes };
        let file = match blobs.get(&blob).await {
            Ok(file) => file,
            Err(error) if error.is_transient() => return Err(FormError::Away(error)),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an image is not what was stored");
                is_whole = false;
                continue;
            }
        };
        match decoder.study_header(&file).await {
            Ok(header) => headers.push((image.sha256, header)),
            Err(error) if error.is_permanent() => {}
            Err(error) => return Err(FormError::Header(error)),
        }
    }
    Ok(Headers { sources: headers.into_iter().collect(), is_whole })
}
