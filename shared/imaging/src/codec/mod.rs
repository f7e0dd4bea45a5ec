//! File bytes to pixels. Runs only inside the decoder process: what is called from here may run out of memory
//! or stack, or be killed, on hostile bytes. Knows no process, protocol or network.

mod dicom;
mod jpeg;
mod png;
mod preview;

use hilum_events::{DicomIdentity, MediaType};

use crate::dicom_values::{DicomFacts, DicomValues};
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;
use crate::picture::{Picture, Preview};

/// The identifiers of a DICOM object, after everything its headers can tell against it has been checked.
pub(crate) fn inspect(bytes: Vec<u8>, limits: &Limits) -> Result<DicomIdentity, Refusal> {
    check_type(&bytes, MediaType::Dicom)?;
    dicom::identity(&dicom::Instance::read(bytes, limits)?)
}

/// As [`inspect`], from the first bytes of a file that is too long to be held: its pixel data is not looked at.
pub(crate) fn inspect_head(bytes: &[u8], limits: &Limits) -> Result<DicomIdentity, Refusal> {
    check_type(bytes, MediaType::Dicom)?;
    dicom::identity(&dicom::Instance::read_head(bytes, limits)?)
}

/// What a file shows.
pub(crate) struct Decoded {
    /// The grey pixels.
    pub(crate) picture: Picture,
    /// What the header says, if it is a DICOM object.
    pub(crate) facts: Option<DicomFacts>,
    /// The picture for people, if that was asked for.
    pub(crate) preview: Option<Preview>,
}

/// The grey pixels of a file, and `values` of them if it is a DICOM object.
pub(crate) fn decode(
    media: MediaType,
    bytes: Vec<u8>,
    values: DicomValues,
    limits: &Limits,
) -> Result<Decoded, Refusal> {
    decode_and_show(media, bytes, values, limits, None)
}

/// As [`decode`], with a preview of it, no side longer than `max_side_px`, if that is given.
pub(crate) fn decode_and_show(
    media: MediaType,
    bytes: Vec<u8>,
    values: DicomValues,
    limits: &Limits,
    max_side_px: Option<u32>,
) -> Result<Decoded, Refusal> {
    check_type(&bytes, media)?;
    let picture = match media {
        MediaType::Png => png::decode(&bytes, limits)?,
        MediaType::Jpeg => jpeg::decode(&bytes, limits)?,
        MediaType::Dicom => {
            let instance = dicom::Instance::read(bytes, limits)?;
            let facts = Some(instance.facts());
            let frame = instance.decode(limits)?;
            let preview = max_side_px.map(|side| preview::encode(frame.to_grey(), side)).transpose()?;
            return Ok(Decoded { picture: frame.into_picture(values)?, facts, preview });
        }
    };
    let preview = max_side_px.map(|side| preview::encode(preview::of_picture(&picture), side)).transpose()?;
    Ok(Decoded { picture, facts: None, preview })
}

/// A grey PNG for people, no side longer than `max_side_px`.
pub(crate) fn preview(
    media: MediaType,
    bytes: Vec<u8>,
    limits: &Limits,
    max_side_px: u32,
) -> Result<Preview, Refusal> {
    check_type(&bytes, media)?;
    let grey = match media {
        MediaType::Png => preview::of_picture(&png::decode(&bytes, limits)?),
        MediaType::Jpeg => preview::of_picture(&jpeg::decode(&bytes, limits)?),
        MediaType::Dicom => dicom::Instance::read(bytes, limits)?.decode(limits)?.to_grey(),
    };
    preview::encode(grey, max_side_px)
}

fn check_type(bytes: &[u8], media: MediaType) -> Result<(), Refusal> {
    if MediaType::recognise(bytes) == Some(media) { Ok(()) } else { Err(RefusalCode::NotAnImage.into()) }
}
