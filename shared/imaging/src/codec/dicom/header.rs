//! The image pixel module of a DICOM object, checked before anything is allocated for it.

use dicom_dictionary_std::{tags, uids};
use dicom_encoding::transfer_syntax::{Codec, TransferSyntaxIndex};
use dicom_object::{DefaultDicomObject, InMemDicomObject, Tag};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::{text, unsupported_transfer_syntax};
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;

/// How the pixel data is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Not at all; byte order and deflation are undone when the object is parsed.
    Native,
    /// Any kind of T.81 JPEG.
    Jpeg,
    JpegLs,
    Jpeg2000,
    Rle,
}

/// What the headers say about the image.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) transfer_syntax_uid: String,
    pub(super) encoding: Encoding,
    pub(super) rows: u32,
    pub(super) columns: u32,
    /// 8 or 16.
    pub(super) bits_allocated: u32,
    /// 1 to `bits_allocated`, from the lowest bit up.
    pub(super) bits_stored: u32,
    /// Stored values are in two's complement.
    pub(super) signed: bool,
    /// `MONOCHROME1`: the smallest value is white.
    pub(super) inverted: bool,
}

impl Header {
    pub(super) fn of(object: &DefaultDicomObject, limits: &Limits) -> Result<Self, Refusal> {
        let transfer_syntax_uid = object.meta().transfer_syntax().trim_matches([' ', '\0']).to_owned();
        let encoding = encoding(&transfer_syntax_uid)?;
        let inverted = check_photometry(object)?;
        check_frames(object)?;
        let (bits_allocated, bits_stored) = bits(object)?;
        let signed = match required(object, tags::PIXEL_REPRESENTATION, "pixel representation")? {
            0 => false,
            1 => true,
            other => return Err(RefusalCode::Damaged.with(format!("pixel representation {other}"))),
        };
        let (rows, columns) =
            (required(object, tags::ROWS, "rows")?, required(object, tags::COLUMNS, "columns")?);
        limits.check_size(columns, rows)?;
        Ok(Self {
            transfer_syntax_uid,
            encoding,
            rows,
            columns,
            bits_allocated,
            bits_stored,
            signed,
            inverted,
        })
    }

    /// The value of full brightness.
    pub(super) fn max_value(&self) -> u32 {
        (1 << self.bits_stored) - 1
    }

    /// The smallest and the largest value that the stored bits can hold.
    pub(super) fn stored_range(&self) -> (i32, i32) {
        let half = 1 << (self.bits_stored - 1);
        if self.signed { (-half, half - 1) } else { (0, 2 * half - 1) }
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> (u32, u32) {
        (self.columns, self.rows)
    }

    /// Pixels in the only frame.
    pub(super) fn pixels(&self) -> usize {
        self.rows as usize * self.columns as usize
    }
}

fn encoding(uid: &str) -> Result<Encoding, Refusal> {
    match uid {
        uids::JPEG_BASELINE8_BIT
        | uids::JPEG_EXTENDED12_BIT
        | uids::JPEG_LOSSLESS
        | uids::JPEG_LOSSLESS_SV1 => Ok(Encoding::Jpeg),
        uids::JPEGLS_LOSSLESS | uids::JPEGLS_NEAR_LOSSLESS => Ok(Encoding::JpegLs),
        uids::JPEG2000_LOSSLESS | uids::JPEG2000 => Ok(Encoding::Jpeg2000),
        uids::RLE_LOSSLESS => Ok(Encoding::Rle),
        _ => match TransferSyntaxRegistry.get(uid).map(|syntax| syntax.codec()) {
            Some(Codec::None | Codec::Dataset(Some(_))) => Ok(Encoding::Native),
            _ => Err(unsupported_transfer_syntax(uid)),
        },
    }
}

/// Whether the image is inverted (`MONOCHROME1`).
fn check_photometry(object: &InMemDicomObject) -> Result<bool, Refusal> {
    let photometry = text(object, tags::PHOTOMETRIC_INTERPRETATION);
    let inverted = match photometry.as_deref() {
        Some("MONOCHROME1") => true,
        Some("MONOCHROME2") => false,
        Some("PALETTE COLOR") => return Err(RefusalCode::PaletteColor.with("PALETTE COLOR".into())),
        Some(other) => return Err(RefusalCode::NotMonochrome.with(color_name(other).into())),
        None => return Err(RefusalCode::Damaged.with("photometric interpretation is missing".into())),
    };
    match integer(object, tags::SAMPLES_PER_PIXEL) {
        None | Some(1) => Ok(inverted),
        Some(samples) => Err(RefusalCode::NotMonochrome.with(format!("{samples} samples per pixel"))),
    }
}

/// A photometric interpretation in words of our own: what else stands there is not repeated.
fn color_name(photometry: &str) -> &'static str {
    const KNOWN: [&str; 10] = [
        "RGB",
        "YBR_FULL",
        "YBR_FULL_422",
        "YBR_PARTIAL_422",
        "YBR_PARTIAL_420",
        "YBR_ICT",
        "YBR_RCT",
        "XYB",
        "HSV",
        "CMYK",
    ];
    KNOWN.into_iter().find(|name| *name == photometry).unwrap_or("unknown photometric interpretation")
}

fn check_frames(object: &InMemDicomObject) -> Result<(), Refusal> {
    if text(object, tags::NUMBER_OF_FRAMES).is_none() {
        return Ok(());
    }
    match integer(object, tags::NUMBER_OF_FRAMES) {
        Some(0 | 1) => Ok(()),
        Some(frames) => Err(RefusalCode::MultiFrame.with(format!("{frames} frames"))),
        None => Err(RefusalCode::Damaged.with("the number of frames is no number".into())),
    }
}

/// Bits allocated and stored.
fn bits(object: &InMemDicomObject) -> Result<(u32, u32), Refusal> {
    let allocated = required(object, tags::BITS_ALLOCATED, "bits allocated")?;
    let stored = required(object, tags::BITS_STORED, "bits stored")?;
    // Elsewhere values would start above the lowest bit, which no current modality writes.
    let high_bit_fits = integer(object, tags::HIGH_BIT).is_none_or(|high| high + 1 == stored);
    if !matches!(allocated, 8 | 16) || !(1..=allocated).contains(&stored) || !high_bit_fits {
        return Err(RefusalCode::UnsupportedBitDepth
            .with(format!("the header says {stored} bits stored in {allocated}")));
    }
    Ok((allocated, stored))
}

fn required(object: &InMemDicomObject, tag: Tag, name: &str) -> Result<u32, Refusal> {
    integer(object, tag).ok_or_else(|| RefusalCode::Damaged.with(format!("{name} is missing")))
}

fn integer(object: &InMemDicomObject, tag: Tag) -> Option<u32> {
    object.get(tag)?.to_int().ok()
}

/// The first of the numbers in an element; `None` if it is absent or empty.
pub(super) fn number(object: &InMemDicomObject, tag: Tag, name: &str) -> Result<Option<f64>, Refusal> {
    if text(object, tag).is_none() {
        return Ok(None);
    }
    let number = object.get(tag).and_then(|element| element.to_float64().ok());
    match number.filter(|number| number.is_finite()) {
        Some(number) => Ok(Some(number)),
        None => Err(RefusalCode::UnusableWindow.with(format!("the {name} is no number"))),
    }
}
