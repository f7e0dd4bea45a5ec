//! Everything that a decoder process can be asked about a file, in the calling process: what the fuzz targets call.
//! Knows no fuzzer.

use hilum_events::MediaType;

use crate::codec;
use crate::dicom_values::DicomValues;
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;
use crate::preparation::{Preparation, prepare};
use crate::preprocess::Preprocessing;

/// Small, so that a try takes no time: what is beyond is refused by the same checks.
const LIMITS: Limits = Limits { max_file_bytes: 1 << 20, max_pixels: 1 << 16, max_side_px: 4096 };
/// Of what models and people see.
const SIDE_PX: u32 = 32;

/// Takes all roads on which `bytes` can be sent as a file of type `media`. A panic is that of the code it went through.
///
/// # Panics
/// When an answer contradicts another, which is worse than none.
pub fn all_roads(media: MediaType, bytes: &[u8]) {
    let prepared = prepared(media, bytes, DicomValues::Stored);
    let preview = codec::preview(media, bytes.to_vec(), &LIMITS, SIDE_PX);
    if prepared.is_ok() {
        assert!(preview.is_ok(), "what a model can see can't be shown to people");
    }
    if media == MediaType::Dicom {
        let windowed = self::prepared(media, bytes, DicomValues::Window);
        if windowed.is_ok() {
            assert!(preview.is_ok(), "what a model can see can't be shown to people");
        }
        let _ = codec::inspect_head(bytes, &LIMITS);
        let _ = codec::study_header(bytes, &LIMITS);
        let inspected = codec::inspect(bytes.to_vec(), &LIMITS).map(|_| ());
        let passes =
            inspected.as_ref().err().is_none_or(|refusal| refusal.code == RefusalCode::MissingIdentifier);
        assert!(prepared.is_err() || passes, "what can be read does not pass the door: {inspected:?}");
    }
}

fn prepared(media: MediaType, bytes: &[u8], values: DicomValues) -> Result<(), Refusal> {
    let preprocessing = Preprocessing { input_side_px: SIDE_PX, ..Preprocessing::default() };
    let prepared =
        prepare(media, bytes.to_vec(), &Preparation { preprocessing, values }, &LIMITS, Some(512))?;
    let is_finite = prepared.input.values.iter().all(|value| value.is_finite());
    assert!(is_finite, "a number for the model is none");
    Ok(())
}
