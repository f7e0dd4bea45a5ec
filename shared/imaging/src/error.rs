//! Why a file gave no picture, and whose fault it was. Texts are composed from fixed sentences, sizes and
//! UIDs: nothing else that stands in a file may enter them.

use std::fmt;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Machine-readable kind of a refusal. The names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// Neither PNG nor JPEG nor DICOM, or not of the type it was said to be.
    NotAnImage,
    /// A DICOM object without an image (report, plan, waveform, directory).
    NoPixelData,
    /// A DICOM object without the identifiers every instance must have.
    MissingIdentifier,
    /// Compressed in a way that is not supported.
    UnsupportedTransferSyntax,
    /// More, fewer or otherwise arranged bits per sample than are read.
    UnsupportedBitDepth,
    /// The file ends before the picture is complete.
    Truncated,
    /// The bytes contradict their format.
    Damaged,
    /// Larger than the limits allow.
    TooManyPixels,
    /// The file itself is larger than the limits allow.
    FileTooLarge,
    /// DICOM `PALETTE COLOR`.
    PaletteColor,
    /// A colour DICOM image.
    NotMonochrome,
    /// More than one frame.
    MultiFrame,
    /// A CMYK JPEG.
    CmykColor,
    /// The compressed picture has another size or form than the header says.
    SizeMismatch,
    /// Pixel values exceed what the header says is the largest.
    ValueOutOfRange,
    /// The window, rescale or look-up table of a DICOM image makes no picture.
    UnusableWindow,
}

impl RefusalCode {
    /// The stable name, in `snake_case`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAnImage => "not_an_image",
            Self::NoPixelData => "no_pixel_data",
            Self::MissingIdentifier => "missing_identifier",
            Self::UnsupportedTransferSyntax => "unsupported_transfer_syntax",
            Self::UnsupportedBitDepth => "unsupported_bit_depth",
            Self::Truncated => "truncated",
            Self::Damaged => "damaged",
            Self::TooManyPixels => "too_many_pixels",
            Self::FileTooLarge => "file_too_large",
            Self::PaletteColor => "palette_color",
            Self::NotMonochrome => "not_monochrome",
            Self::MultiFrame => "multi_frame",
            Self::CmykColor => "cmyk_color",
            Self::SizeMismatch => "size_mismatch",
            Self::ValueOutOfRange => "value_out_of_range",
            Self::UnusableWindow => "unusable_window",
        }
    }

    /// What happened and what the sender can do about it.
    fn sentence(self) -> &'static str {
        match self {
            Self::NotAnImage => {
                "the file is not the PNG, JPEG or DICOM image it should be; send one of these"
            }
            Self::NoPixelData => "the dicom object holds no image; send the image instance of the study",
            Self::MissingIdentifier => {
                "the dicom object lacks a study, series or instance uid; export it again from its source"
            }
            Self::UnsupportedTransferSyntax => {
                "the compression of the dicom image is not supported; send it uncompressed or as JPEG, \
                 JPEG-LS, JPEG 2000 or RLE"
            }
            Self::UnsupportedBitDepth => "the bit depth is not supported; send 8 to 16 bits per sample",
            Self::Truncated => "the file ends before the image is complete; send it again",
            Self::Damaged => "the file is damaged; export it again from its source",
            Self::TooManyPixels => "the image is too large; send a smaller one",
            Self::FileTooLarge => "the file is too large; send a smaller one",
            Self::PaletteColor => "palette colour images are not read; send the image in greyscale",
            Self::NotMonochrome => "colour dicom images are not read; send the image in greyscale",
            Self::MultiFrame => "images of several frames are not read; send a single frame",
            Self::CmykColor => "cmyk images are not read; send the image in greyscale",
            Self::SizeMismatch => {
                "header and pixel data contradict each other; export it again from its source"
            }
            Self::ValueOutOfRange => {
                "pixel values exceed the range the header allows; export it again from its source"
            }
            Self::UnusableWindow => {
                "the window or look-up table in the header makes no picture; export it again from its source"
            }
        }
    }

    /// A refusal with what was measured in the file: sizes, counts or UIDs, never text.
    pub(crate) fn with(self, detail: String) -> Refusal {
        Refusal { code: self, detail: Some(detail) }
    }
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The file is bad or unsupported, and stays so. `Display` is a sentence for the sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Its kind.
    pub code: RefusalCode,
    detail: Option<String>,
}

impl Refusal {
    const DETAIL_MAX_CHARS: usize = 160;

    /// Keeps of a detail that came from the child process only what can be shown anywhere.
    pub(crate) fn bounded(mut self) -> Self {
        self.detail = self.detail.map(|detail| {
            detail
                .chars()
                .filter(|c| c.is_ascii_graphic() || *c == ' ')
                .take(Self::DETAIL_MAX_CHARS)
                .collect()
        });
        self
    }
}

impl From<RefusalCode> for Refusal {
    fn from(code: RefusalCode) -> Self {
        Self { code, detail: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.sentence())?;
        match &self.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

/// What brought a decoder process down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashCause {
    /// It needed more memory than it may have.
    Memory,
    /// It ran out of stack, as deeply nested sequences make it.
    Stack,
    /// Anything else; the number is the signal, if there was one.
    Other(Option<i32>),
}

impl fmt::Display for CrashCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("it needs more memory than is allowed"),
            Self::Stack => f.write_str("its structure is nested too deeply"),
            Self::Other(Some(signal)) => write!(f, "signal {signal}"),
            Self::Other(None) => f.write_str("no signal"),
        }
    }
}

/// Why a file gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The file is bad or unsupported.
    #[error("{0}")]
    Refused(Refusal),
    /// The file brought a fresh decoder process down.
    #[error("the file cannot be read safely: {0}; export it again from its source")]
    Crashed(CrashCause),
    /// Decoding took longer than allowed: a hostile file, or a machine under heavy load.
    #[error("decoding took longer than {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The decoder could not do its work, for a reason that lies not in the file.
    #[error("the image decoder is not available: {what}")]
    Unavailable {
        /// What failed, for operators.
        what: String,
        /// The error of the operating system, if there was one.
        source: Option<io::Error>,
    },
}

impl DecodeError {
    /// Whether the same bytes would fail again: `true` means the file is at fault and retrying is useless.
    pub fn is_permanent(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Crashed(_))
    }

    /// A stable machine-readable name of what happened, in `snake_case`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code.as_str(),
            Self::Crashed(_) => "decoder_crashed",
            Self::TimedOut(_) => "decoder_timed_out",
            Self::Unavailable { .. } => "decoder_unavailable",
        }
    }

    pub(crate) fn unavailable(what: impl Into<String>, source: impl Into<Option<io::Error>>) -> Self {
        Self::Unavailable { what: what.into(), source: source.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_the_same_name_in_text_and_on_the_wire() {
        for code in [RefusalCode::NoPixelData, RefusalCode::UnsupportedTransferSyntax, RefusalCode::CmykColor]
        {
            let on_wire = serde_json::to_value(code).unwrap();
            assert_eq!(on_wire, serde_json::Value::from(code.as_str()));
        }
    }

    #[test]
    fn a_detail_is_cut_to_printable_ascii() {
        let refusal = RefusalCode::Damaged.with(format!("a\u{0}b\n{}", "é9".repeat(500))).bounded();
        assert_eq!(refusal.detail.as_deref().map(str::len), Some(160));
        assert!(refusal.to_string().contains("(ab999"));
    }

    #[test]
    fn only_faults_of_the_file_are_permanent() {
        assert!(DecodeError::Refused(RefusalCode::Damaged.into()).is_permanent());
        assert!(DecodeError::Crashed(CrashCause::Stack).is_permanent());
        assert!(!DecodeError::TimedOut(Duration::from_secs(1)).is_permanent());
        assert!(!DecodeError::unavailable("x", None).is_permanent());
    }
}
