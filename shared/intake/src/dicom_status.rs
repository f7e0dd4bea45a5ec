//! A refusal in the words of DICOM: what C-STORE answers (PS3.4, table B.2-1) and what a store transaction gives as the reason of a
//! failure (PS3.18, I.2). Pure.

use std::borrow::Cow;

use crate::refusal::Refusal;

/// It may be taken later.
pub const OUT_OF_RESOURCES: u16 = 0xa700;
/// It is not one that can be understood.
pub const NOT_UNDERSTOOD: u16 = 0xc000;
/// Not understood, in words of our own: longer than is taken.
const TOO_LONG: u16 = 0xc001;
/// One more image than a study may have.
const STUDY_FULL: u16 = 0xc002;

/// What an object has that holds no picture: the decoder's word.
const NO_PICTURE: &str = "no_pixel_data";
/// What a picture may have that no model here reads, in an object that is whole: the decoder's words.
const NOT_FOR_MODELS: [&str; 5] =
    ["palette_color", "not_monochrome", "multi_frame", "unsupported_bit_depth", "too_many_pixels"];

/// A status, and the same in words: 64 characters at most, and nothing of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DicomStatus {
    /// The status, or the reason of a failure.
    pub code: u16,
    /// In words, for the log of the sender.
    pub comment: Cow<'static, str>,
}

impl Refusal {
    /// The decoder's word for why an object that is whole is not for the model; `None` where something is wrong with it.
    pub fn not_for_models(&self) -> Option<&str> {
        match self {
            Self::Unreadable { code, .. } if NOT_FOR_MODELS.contains(&&**code) => Some(code),
            _ => None,
        }
    }

    /// Whether the object holds no picture.
    pub fn lacks_picture(&self) -> bool {
        matches!(self, Self::Unreadable { code, .. } if code == NO_PICTURE)
    }

    /// What a sender of DICOM is told.
    pub fn dicom_status(&self) -> DicomStatus {
        let (code, comment): (u16, Cow<'static, str>) = match self {
            Self::Unreadable { code, .. } => (NOT_UNDERSTOOD, format!("not readable: {code}").into()),
            Self::TooLong { .. } => (TOO_LONG, "longer than HILUM_MAX_UPLOAD_BYTES allows".into()),
            Self::StudyFull { .. } => (STUDY_FULL, "the study has as many images as it may have".into()),
            Self::Busy => (OUT_OF_RESOURCES, "busy with other senders; send it again shortly".into()),
            Self::Full { .. } => (OUT_OF_RESOURCES, "too many images wait; send it again later".into()),
            Self::LongWait { .. } => {
                (OUT_OF_RESOURCES, "images wait too long for a reading; send it again later".into())
            }
            Self::TooManySites { .. } => {
                (OUT_OF_RESOURCES, "too many sites wait; send it again later".into())
            }
            Self::DiskFull(_) => (OUT_OF_RESOURCES, "the disk is full; have the operator make room".into()),
            refusal if refusal.is_for_now() => {
                (OUT_OF_RESOURCES, "nothing was stored; send it again shortly".into())
            }
            _ => (NOT_UNDERSTOOD, "not an object that is taken here".into()),
        };
        DicomStatus { code, comment }
    }
}
