//! File bytes to pixels. Runs only inside the decoder process: what is called from here may run out of memory
//! or stack, or be killed, on hostile bytes. Knows no process, protocol or network.

mod averages;
mod colour;
mod dicom;
mod jpeg;
mod levels;
mod png;
mod preview;

use hilum_events::MediaType;
use hilum_headers::ImageHeader;
use image::metadata::Orientation;

use crate::dicom_values::{DicomValues, Inspected};
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;
use crate::picture::{Picture, Preview, StoredFrame};
use crate::plain::PlainFacts;
use crate::study_header::StudyHeader;

/// What the header of a DICOM object says, after everything its headers can tell against it has been checked.
pub(crate) fn inspect(bytes: Vec<u8>, limits: &Limits) -> Result<Inspected, Refusal> {
    check_type(&bytes, MediaType::Dicom)?;
    dicom::inspected(&dicom::Instance::read(bytes, limits)?)
}

/// As [`inspect`], from the first bytes of a file that is too long for memory: its pixel data is not looked at.
pub(crate) fn inspect_head(bytes: &[u8], limits: &Limits) -> Result<Inspected, Refusal> {
    check_type(bytes, MediaType::Dicom)?;
    dicom::inspected(&dicom::Instance::read_head(bytes, limits)?)
}

/// As [`inspect_head`], whatever is wrong with the picture.
pub(crate) fn identify(bytes: &[u8], limits: &Limits) -> Result<Inspected, Refusal> {
    check_type(bytes, MediaType::Dicom)?;
    dicom::identified(bytes, limits)
}

/// Which patient and study a DICOM object belongs to, whether its pixels can be read or not.
pub(crate) fn study_header(bytes: &[u8], limits: &Limits) -> Result<StudyHeader, Refusal> {
    check_type(bytes, MediaType::Dicom)?;
    dicom::study_header(bytes, limits)
}

/// The data set of a DICOM object in the DICOM JSON model, without bulk data.
pub(crate) fn data_set(bytes: &[u8], limits: &Limits, max_bytes: u64) -> Result<Vec<u8>, Refusal> {
    check_type(bytes, MediaType::Dicom)?;
    dicom::data_set(bytes, limits, max_bytes)
}

/// The only frame of a DICOM object as it is stored.
pub(crate) fn stored_frame(bytes: Vec<u8>, limits: &Limits) -> Result<StoredFrame, Refusal> {
    check_type(&bytes, MediaType::Dicom)?;
    dicom::Instance::read(bytes, limits)?.stored_frame()
}

/// What a file shows.
pub(crate) struct Decoded {
    /// The grey pixels.
    pub(crate) picture: Picture,
    /// What the header says that the image shows, if it is a DICOM object.
    pub(crate) header: Option<ImageHeader>,
    /// Facts about the picture, if it is no DICOM object.
    pub(crate) plain: Option<PlainFacts>,
    /// The preview, if it was asked for.
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
    let image = Image::read(media, bytes, limits)?;
    let preview = max_side_px.map(|side| image.preview(side)).transpose()?;
    Ok(match image {
        Image::Plain { picture, facts } => Decoded { picture, header: None, plain: Some(facts), preview },
        Image::Dicom { frame, header } => {
            Decoded { picture: frame.into_picture(values)?, header: Some(*header), plain: None, preview }
        }
    })
}

/// A grey PNG for people, no side longer than `max_side_px`.
pub(crate) fn preview(
    media: MediaType,
    bytes: Vec<u8>,
    limits: &Limits,
    max_side_px: u32,
) -> Result<Preview, Refusal> {
    Image::read(media, bytes, limits)?.preview(max_side_px)
}

/// A decoded file, before its values are chosen.
enum Image {
    Plain { picture: Picture, facts: PlainFacts },
    Dicom { frame: dicom::Frame, header: Box<ImageHeader> },
}

impl Image {
    fn read(media: MediaType, bytes: Vec<u8>, limits: &Limits) -> Result<Self, Refusal> {
        check_type(&bytes, media)?;
        match media {
            MediaType::Png => png::decode(&bytes, limits),
            MediaType::Jpeg => jpeg::decode(&bytes, limits),
            MediaType::Dicom => {
                let instance = dicom::Instance::read(bytes, limits)?;
                let header = Box::new(instance.image_header());
                Ok(Self::Dicom { frame: instance.decode(limits)?, header })
            }
        }
    }

    fn plain(picture: Picture, is_coloured: bool, orientation: Option<u8>) -> Self {
        let facts = PlainFacts::of(&picture, is_coloured, orientation);
        Self::Plain { picture, facts }
    }

    fn preview(&self, max_side_px: u32) -> Result<Preview, Refusal> {
        match self {
            Self::Plain { picture, .. } => preview::of_picture(picture, max_side_px),
            Self::Dicom { frame, .. } => frame.preview(max_side_px),
        }
    }
}

/// The turn or mirroring that an EXIF block asks for.
fn orientation(exif: &[u8]) -> Option<u8> {
    Orientation::from_exif_chunk(exif).map(Orientation::to_exif)
}

fn check_type(bytes: &[u8], media: MediaType) -> Result<(), Refusal> {
    if MediaType::recognise(bytes) == Some(media) { Ok(()) } else { Err(RefusalCode::NotAnImage.into()) }
}
