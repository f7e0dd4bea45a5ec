//! DICOM file to identifiers, header values or pixel values. Only the file meta group, the identifiers, what tells what the
//! image shows, the series description and what makes pixels visible are looked at; patient attributes are read in one
//! place, [`study_header`], and no text of the file enters a refusal.

mod codestream;
mod frame;
mod header;
mod image_header;
mod lengths;
mod lut;
mod shading;
mod study_header;
mod walk;
mod window;

use std::error::Error;
use std::io;

use dicom_core::value::Value;
use dicom_dictionary_std::tags;
use dicom_object::file::ReadPreamble;
use dicom_object::{DefaultDicomObject, InMemDicomObject, OpenFileOptions, ReadError, Tag};
use hilum_events::DicomIdentity;
use hilum_headers::ImageHeader;

pub(in crate::codec) use self::frame::Frame;
use self::header::Header;
pub(in crate::codec) use self::study_header::study_header;
use self::walk::Part;
use crate::dicom_values::{Inspected, SeriesHeader};
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;

/// A parsed DICOM file with an image whose headers promise that it can be decoded.
pub(super) struct Instance {
    object: DefaultDicomObject,
    header: Header,
}

impl Instance {
    /// Parses up to the end of the pixel data and checks what the headers claim. Decodes nothing.
    pub(super) fn read(bytes: Vec<u8>, limits: &Limits) -> Result<Self, Refusal> {
        let object = checked(&bytes, Part::Whole, limits)?;
        drop(bytes);
        if object.get(tags::PIXEL_DATA).is_none() {
            return Err(RefusalCode::NoPixelData.into());
        }
        let header = Header::of(&object, limits)?;
        frame::check_encoded(&object, &header)?;
        Ok(Self { object, header })
    }

    /// Parses up to where the pixel data begins, so that the first bytes of a long file are enough.
    pub(super) fn read_head(bytes: &[u8], limits: &Limits) -> Result<Self, Refusal> {
        let object = checked(bytes, Part::Head, limits).map_err(|refusal| match refusal.code {
            RefusalCode::Truncated => RefusalCode::Truncated
                .with(format!("no pixel data begins within the first {} bytes", bytes.len())),
            _ => refusal,
        })?;
        let header = Header::of(&object, limits)?;
        Ok(Self { object, header })
    }

    /// What the header says the image shows.
    pub(super) fn image_header(&self) -> ImageHeader {
        image_header::image_header(&self.object)
    }

    /// The values of its only frame.
    pub(super) fn decode(self, limits: &Limits) -> Result<Frame, Refusal> {
        frame::decode(self.object, self.header, limits)
    }
}

/// Parsed after what it promises was found to be there.
fn checked(bytes: &[u8], part: Part, limits: &Limits) -> Result<DefaultDicomObject, Refusal> {
    lengths::check(bytes, part, limits)?;
    parsed(bytes, part).map_err(|error| refusal(&error))
}

fn parsed(bytes: &[u8], part: Part) -> Result<DefaultDicomObject, ReadError> {
    let options = OpenFileOptions::new().read_preamble(ReadPreamble::Always);
    let options = match part {
        Part::Whole => options.read_to(tags::PIXEL_DATA),
        Part::Head => options.read_until(tags::PIXEL_DATA),
    };
    options.from_reader(bytes)
}

/// The identifiers that Hilum keeps, and what tells the series.
pub(super) fn inspected(instance: &Instance) -> Result<Inspected, Refusal> {
    let first_chars = |text: String| text.chars().take(SeriesHeader::DESCRIPTION_MAX_CHARS).collect();
    let description = text(&instance.object, tags::SERIES_DESCRIPTION).map(first_chars);
    let series = SeriesHeader { image: instance.image_header(), description };
    Ok(Inspected { identity: identity(instance)?, series })
}

fn identity(instance: &Instance) -> Result<DicomIdentity, Refusal> {
    let object = &instance.object;
    let uid = |tag| text(object, tag).filter(|uid| is_uid(uid)).ok_or(RefusalCode::MissingIdentifier);
    Ok(DicomIdentity {
        study_instance_uid: uid(tags::STUDY_INSTANCE_UID)?,
        series_instance_uid: uid(tags::SERIES_INSTANCE_UID)?,
        sop_instance_uid: uid(tags::SOP_INSTANCE_UID)?,
        modality: text(object, tags::MODALITY).filter(|modality| is_code(modality)),
        transfer_syntax_uid: instance.header.transfer_syntax_uid.clone(),
        rows: instance.header.rows,
        columns: instance.header.columns,
    })
}

/// The text of an element without its padding; `None` if it is absent, empty or no text.
fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    match object.get(tag)?.value() {
        Value::Primitive(value) => Some(value.to_str().trim_matches([' ', '\0']).to_owned()),
        _ => None,
    }
    .filter(|text| !text.is_empty())
}

fn is_uid(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Whether `text` can be a code string: nothing longer or freer is taken over, a name might stand in it.
fn is_code(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= 16 && text.bytes().all(allowed)
}

fn refusal(error: &ReadError) -> Refusal {
    match error {
        ReadError::ReadUnrecognizedTransferSyntax { uid, .. } => unsupported_transfer_syntax(uid),
        ReadError::ReadUnsupportedTransferSyntax { uid, .. }
        | ReadError::ReadUnsupportedTransferSyntaxWithSuggestion { uid, .. } => {
            unsupported_transfer_syntax(uid)
        }
        ReadError::PrematureEnd { .. } => RefusalCode::Truncated.into(),
        other if ends_early(other) => RefusalCode::Truncated.into(),
        _ => RefusalCode::Damaged.into(),
    }
}

fn unsupported_transfer_syntax(uid: &str) -> Refusal {
    let uid = uid.trim_matches([' ', '\0']);
    if is_uid(uid) {
        RefusalCode::UnsupportedTransferSyntax.with(format!("transfer syntax {uid}"))
    } else {
        RefusalCode::UnsupportedTransferSyntax.into()
    }
}

fn ends_early(error: &ReadError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::UnexpectedEof;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uids_and_codes_pass() {
        assert!(is_uid("1.2.840.10008.1.2"));
        assert!(!is_uid("1.2.DOE^JOHN"));
        assert!(!is_uid(&"1".repeat(65)));
        assert!(is_code("CR") && is_code("RTDOSE") && !is_code("Doe^John") && !is_code("JOHN DOE"));
    }
}
