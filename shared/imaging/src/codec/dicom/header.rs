//! The image pixel module of a DICOM object, checked before anything is allocated for it.

use dicom_dictionary_std::{tags, uids};
use dicom_encoding::transfer_syntax::{Codec, TransferSyntaxIndex};
use dicom_object::{InMemDicomObject, Tag};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::text::{text, unsupported_transfer_syntax};
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;

/// The compression of the pixel data.
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

/// What the header says about the image.
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
    /// Whether stored values are in two's complement.
    pub(super) signed: bool,
    /// Whether the smallest value is white: `MONOCHROME1`.
    pub(super) inverted: bool,
    /// Bits above the stored ones in which overlays lie.
    pub(super) overlay_bits: u16,
}

impl Header {
    pub(super) fn of(
        object: &InMemDicomObject,
        transfer_syntax_uid: &str,
        limits: &Limits,
    ) -> Result<Self, Refusal> {
        let encoding = encoding(transfer_syntax_uid)?;
        let inverted = check_photometry(object)?;
        check_frames(object)?;
        let (bits_allocated, bits_stored) = bits(object)?;
        let overlay_bits = overlay_bits(object, bits_stored)?;
        let signed = match required(object, tags::PIXEL_REPRESENTATION, "pixel representation")? {
            0 => false,
            1 => true,
            other => return Err(RefusalCode::Damaged.with(format!("pixel representation {other}"))),
        };
        let (rows, columns) =
            (required(object, tags::ROWS, "rows")?, required(object, tags::COLUMNS, "columns")?);
        limits.check_size(columns, rows)?;
        Ok(Self {
            transfer_syntax_uid: transfer_syntax_uid.to_owned(),
            encoding,
            rows,
            columns,
            bits_allocated,
            bits_stored,
            signed,
            inverted,
            overlay_bits,
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
    match integer(object, tags::SAMPLES_PER_PIXEL, "samples per pixel")? {
        None | Some(1) => Ok(inverted),
        Some(samples) => Err(RefusalCode::NotMonochrome.with(format!("{samples} samples per pixel"))),
    }
}

/// A photometric interpretation in words of our own: an unknown one is not repeated.
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
    match integer(object, tags::NUMBER_OF_FRAMES, "number of frames")? {
        None | Some(0 | 1) => Ok(()),
        Some(frames) => Err(RefusalCode::MultiFrame.with(format!("{frames} frames"))),
    }
}

/// Bits allocated and stored.
fn bits(object: &InMemDicomObject) -> Result<(u32, u32), Refusal> {
    let allocated = required(object, tags::BITS_ALLOCATED, "bits allocated")?;
    let stored = required(object, tags::BITS_STORED, "bits stored")?;
    let found = format!("the header says {stored} bits stored in {allocated}");
    if !matches!(allocated, 8 | 16) || !(1..=allocated).contains(&stored) {
        return Err(RefusalCode::UnsupportedBitDepth.with(found));
    }
    // Elsewhere values would start above the lowest bit, which no current modality writes, or one of the two is wrong.
    match integer(object, tags::HIGH_BIT, "high bit")? {
        Some(high) if high != stored - 1 => Err(RefusalCode::UnsupportedBitDepth
            .with(format!("{found} with high bit {high}, not {}", stored - 1))),
        _ => Ok((allocated, stored)),
    }
}

/// Where overlays without data of their own say that they lie among the pixels (retired, PS3.3-2004 C.9.2).
fn overlay_bits(object: &InMemDicomObject, bits_stored: u32) -> Result<u16, Refusal> {
    let mut bits = 0;
    for group in (0x6000..=0x60FE).step_by(2) {
        let position = integer(object, Tag(group, 0x0102), "overlay bit position")?;
        let is_embedded = object.get(Tag(group, 0x3000)).is_none();
        if let Some(position @ 0..16) = position.filter(|position| *position >= bits_stored)
            && is_embedded
        {
            bits |= 1 << position;
        }
    }
    Ok(bits)
}

fn required(object: &InMemDicomObject, tag: Tag, name: &str) -> Result<u32, Refusal> {
    integer(object, tag, name)?.ok_or_else(|| RefusalCode::Damaged.with(format!("{name} is missing")))
}

/// The number in an element; `None` if it is absent or empty. Text, or several numbers, are refused.
fn integer(object: &InMemDicomObject, tag: Tag, name: &str) -> Result<Option<u32>, Refusal> {
    let Some(element) = object.get(tag) else { return Ok(None) };
    if element.value().primitive().is_some() && text(object, tag).is_none() {
        return Ok(None);
    }
    let is_one = element.value().multiplicity() == 1;
    match element.to_int().ok().filter(|_| is_one) {
        Some(number) => Ok(Some(number)),
        None => Err(RefusalCode::Damaged.with(format!("the {name} is no number"))),
    }
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
