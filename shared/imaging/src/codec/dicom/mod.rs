//! DICOM file to identifiers, header values or pixel values. Only the file meta group, the identifiers, what tells what the
//! image shows, the series description and what makes pixels visible are looked at; patient attributes are read in two
//! places, [`study_header`] and [`data_set`], and no text of the file enters a refusal.

mod amount;
mod codestream;
mod data_set;
mod elements;
mod file;
mod frame;
mod header;
mod image_header;
mod lut;
mod object;
mod only_frame;
mod rle;
mod shading;
mod stored_frame;
mod study_header;
mod syntax;
mod text;
mod window;

use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use hilum_events::DicomIdentity;
use hilum_headers::ImageHeader;

pub(in crate::codec) use self::data_set::data_set;
use self::file::{File, Part};
pub(in crate::codec) use self::frame::Frame;
use self::header::Header;
pub(in crate::codec) use self::study_header::study_header;
use self::text::{is_code, is_uid, text};
use crate::dicom_values::{Inspected, SeriesHeader};
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;
use crate::picture::StoredFrame;

/// A parsed DICOM file with an image whose headers promise that it can be decoded.
pub(super) struct Instance {
    object: InMemDicomObject,
    header: Header,
}

impl Instance {
    /// Parses up to the end of the pixel data and checks what the headers claim. Decodes nothing.
    pub(super) fn read(bytes: Vec<u8>, limits: &Limits) -> Result<Self, Refusal> {
        let file = File::open(&bytes, Part::Whole, limits)?;
        let object = object::object(&file)?;
        if object.get(tags::PIXEL_DATA).is_none() {
            return Err(RefusalCode::NoPixelData.into());
        }
        let header = Header::of(&object, &file.transfer_syntax_uid, limits)?;
        frame::check_encoded(&object, &header)?;
        Ok(Self { object, header })
    }

    /// Parses up to where the pixel data begins, so that the first bytes of a long file are enough.
    pub(super) fn read_head(bytes: &[u8], limits: &Limits) -> Result<Self, Refusal> {
        let of_head = |refusal: Refusal| match refusal.code {
            RefusalCode::Truncated => RefusalCode::Truncated
                .with(format!("no pixel data begins within the first {} bytes", bytes.len())),
            _ => refusal,
        };
        let file = File::open(bytes, Part::Head, limits).map_err(of_head)?;
        let object = object::object(&file).map_err(of_head)?;
        let header = Header::of(&object, &file.transfer_syntax_uid, limits)?;
        Ok(Self { object, header })
    }

    /// What the header says the image shows.
    pub(super) fn image_header(&self) -> ImageHeader {
        image_header::image_header(&self.object)
    }

    /// Its only frame, as it is stored.
    pub(super) fn stored_frame(self) -> Result<StoredFrame, Refusal> {
        stored_frame::stored_frame(self.object, &self.header)
    }

    /// The values of its only frame.
    pub(super) fn decode(self, limits: &Limits) -> Result<Frame, Refusal> {
        frame::decode(self.object, self.header, limits)
    }
}

/// The identifiers that Hilum keeps, and what tells the series.
pub(super) fn inspected(instance: &Instance) -> Result<Inspected, Refusal> {
    let Instance { object, header } = instance;
    Ok(Inspected {
        identity: identity(object, &header.transfer_syntax_uid, (header.rows, header.columns))?,
        series: series(object),
    })
}

/// The same of an object whose picture need not be one that is read. A size that it does not tell is 0.
pub(super) fn identified(bytes: &[u8], limits: &Limits) -> Result<Inspected, Refusal> {
    let file = File::open(bytes, Part::Head, limits)?;
    let object = object::object(&file)?;
    let px = |tag| object.get(tag).and_then(|element| element.to_int::<u16>().ok()).map_or(0, u32::from);
    let size = (px(tags::ROWS), px(tags::COLUMNS));
    Ok(Inspected { identity: identity(&object, &file.transfer_syntax_uid, size)?, series: series(&object) })
}

fn series(object: &InMemDicomObject) -> SeriesHeader {
    let first_chars = |text: String| text.chars().take(SeriesHeader::DESCRIPTION_MAX_CHARS).collect();
    let description = text(object, tags::SERIES_DESCRIPTION).map(first_chars);
    SeriesHeader { image: image_header::image_header(object), description }
}

fn identity(
    object: &InMemDicomObject,
    transfer_syntax_uid: &str,
    (rows, columns): (u32, u32),
) -> Result<DicomIdentity, Refusal> {
    let uid = |tag| text(object, tag).filter(|uid| is_uid(uid)).ok_or(RefusalCode::MissingIdentifier);
    Ok(DicomIdentity {
        study_instance_uid: uid(tags::STUDY_INSTANCE_UID)?,
        series_instance_uid: uid(tags::SERIES_INSTANCE_UID)?,
        sop_instance_uid: uid(tags::SOP_INSTANCE_UID)?,
        modality: text(object, tags::MODALITY).filter(|modality| is_code(modality)),
        transfer_syntax_uid: transfer_syntax_uid.to_owned(),
        rows,
        columns,
    })
}
