//! Pixel data to stored values, as pydicom gives them to torchxrayvision: signed values keep their sign. What the header
//! does not allow is refused, not cut to size: a value cut to its lowest bits is another one. Rescale and window come
//! afterwards, for those who want them.

use std::borrow::Cow;

use dicom_core::value::{PrimitiveValue, Value};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::amount::check_amount;
use super::codestream::{self, FrameHeader};
use super::header::{Encoding, Header};
use super::only_frame::OnlyFrame;
use super::rle;
use super::shading::Shading;
use crate::codec::{jpeg, preview};
use crate::dicom_values::DicomValues;
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;
use crate::picture::{Picture, Preview, Samples};

/// The stored values of a single-frame grey image.
pub(in crate::codec) struct Frame {
    header: Header,
    samples: Samples,
    /// How they are shown, or why they can't be.
    shading: Result<Shading, Refusal>,
}

impl Frame {
    /// Larger is brighter: `MONOCHROME1` is turned over as `max − v`.
    pub(in crate::codec) fn into_picture(self, values: DicomValues) -> Result<Picture, Refusal> {
        match values {
            DicomValues::Stored => self.stored(),
            DicomValues::Window => self.windowed(),
        }
    }

    fn stored(self) -> Result<Picture, Refusal> {
        let Self { header, samples, .. } = self;
        let max_value = header.max_value();
        let out_of_range = || RefusalCode::ValueOutOfRange.with(format!("more than {max_value}"));
        let samples =
            if header.inverted { turned_over(samples, max_value).ok_or_else(out_of_range)? } else { samples };
        Picture::new(header.size(), max_value, header.bits_stored as u8, samples).map_err(|_| out_of_range())
    }

    fn windowed(self) -> Result<Picture, Refusal> {
        let Self { header, samples, shading } = self;
        let levels = shading?.levels(&samples, |brightness| {
            let level = (brightness * f64::from(u16::MAX)).round() as u16;
            if header.inverted { u16::MAX - level } else { level }
        });
        let (max_value, bits) = (u16::MAX.into(), header.bits_stored as u8);
        Picture::new(header.size(), max_value, bits, Samples::Unsigned(levels))
            .map_err(|_| RefusalCode::Damaged.into())
    }

    /// As a viewer shows it: through its VOI LUT or window if the header names a usable one, else from the smallest
    /// to the largest value that the preview has.
    pub(in crate::codec) fn preview(&self, max_side_px: u32) -> Result<Preview, Refusal> {
        preview::of(self.header.size(), &self.samples, max_side_px, |samples| {
            let range = samples.range();
            let shading = match &self.shading {
                Ok(shading) => shading.clone().stretched(range),
                Err(_) => Shading::plain(range),
            };
            let levels = shading.levels(samples, |brightness| {
                let level = (brightness * f64::from(u8::MAX)).round() as u8;
                if self.header.inverted { u8::MAX - level } else { level }
            });
            levels.into()
        })
    }
}

/// `max_value − v` for every value; `None` if one is larger than that.
fn turned_over(samples: Samples, max_value: u32) -> Option<Samples> {
    let max = i32::try_from(max_value).ok().filter(|max| samples.range().1 <= *max)?;
    Some(match samples {
        Samples::Bytes(values) => {
            Samples::Unsigned(values.into_iter().map(|value| (max - i32::from(value)) as u16).collect())
        }
        Samples::Unsigned(values) => {
            Samples::Unsigned(values.into_iter().map(|value| (max - i32::from(value)) as u16).collect())
        }
        Samples::Signed(values) => Samples::Signed(values.into_iter().map(|value| max - value).collect()),
    })
}

/// Compares the pixel data with the header as far as that costs nothing.
pub(super) fn check_encoded(object: &InMemDicomObject, header: &Header) -> Result<(), Refusal> {
    if header.encoding == Encoding::Native {
        let needed = header.pixels() * header.bits_allocated as usize / 8;
        return check_amount("bytes of pixel data", native_len(object)?, needed);
    }
    frame_header(&codestream(object)?, header).map(|_| ())
}

/// Undoes the compression and gives the stored values.
pub(super) fn decode(
    mut object: InMemDicomObject,
    header: Header,
    limits: &Limits,
) -> Result<Frame, Refusal> {
    let shading = Shading::of(&object, &header);
    let samples = match header.encoding {
        Encoding::Native => native(&mut object, &header)?,
        Encoding::Jpeg => {
            let (raw, precision) =
                jpeg::decode_frame(&codestream(&object)?, header.size(), limits).map_err(of_frame)?;
            check_precision(precision, &header)?;
            values(raw.into_iter(), header.bits_stored, 16, &header)?
        }
        Encoding::Rle => {
            let bytes_per_sample = header.bits_allocated as usize / 8;
            let bytes = rle::decode(&codestream(&object)?, header.pixels(), bytes_per_sample)?;
            unpacked(&bytes, &header, header.bits_allocated, header.bits_stored)?
        }
        Encoding::JpegLs => {
            let codestream = codestream(&object)?;
            let precision = frame_header(&codestream, &header)?.map_or(0, |frame| frame.precision);
            check_precision(precision, &header)?;
            let bits = if header.signed { precision } else { header.bits_stored };
            let sample_bits = if precision <= 8 { 8 } else { 16 };
            unpacked(&jpeg_ls(&codestream, &header)?, &header, sample_bits, bits)?
        }
        Encoding::Jpeg2000 => {
            let codestream = codestream(&object)?;
            let frame = frame_header(&codestream, &header)?;
            // Numbers with a sign of their own have all the bits that they need.
            if !frame.is_some_and(|frame| frame.signed && header.signed && frame.precision > 8) {
                check_precision(frame.map_or(0, |frame| frame.precision), &header)?;
            }
            // The codestream has its own sign; where it contradicts the header, the header is right.
            let disagreeing = frame.filter(|frame| frame.signed != header.signed);
            let bits = disagreeing.map_or(header.bits_allocated, |frame| frame.precision);
            let bytes = OnlyFrame::new(&codestream, &header).decoded()?;
            unpacked(&bytes, &header, header.bits_allocated, bits)?
        }
    };
    Ok(Frame { header, samples, shading })
}

/// A whole file does not end early, whatever its codestream does.
fn of_frame(refusal: Refusal) -> Refusal {
    match refusal.code {
        RefusalCode::Truncated => {
            RefusalCode::Damaged.with("the compressed picture ends before it is complete".into())
        }
        _ => refusal,
    }
}

/// Fewer bits than the header says make a dark picture if they are its lowest, and a right one if they are its highest.
/// Nothing tells which.
fn check_precision(precision: u32, header: &Header) -> Result<(), Refusal> {
    if precision >= header.bits_stored {
        return Ok(());
    }
    Err(RefusalCode::SizeMismatch.with(format!(
        "the compressed picture has {precision} bits per sample, the header says {} bits stored",
        header.bits_stored
    )))
}

/// As CharLS decodes it, if need be after its markers were tidied up.
fn jpeg_ls(codestream: &[u8], header: &Header) -> Result<Vec<u8>, Refusal> {
    OnlyFrame::new(codestream, header).decoded().or_else(|refusal| {
        let tidied = codestream::tidied_jpeg_ls(codestream);
        tidied.iter().find_map(|tidied| OnlyFrame::new(tidied, header).decoded().ok()).ok_or(refusal)
    })
}

/// Samples that take up `sample_bits`, 8 or 16, each, `bits` of them if they are signed.
fn unpacked(bytes: &[u8], header: &Header, sample_bits: u32, bits: u32) -> Result<Samples, Refusal> {
    let needed = header.pixels() * sample_bits as usize / 8;
    check_amount("bytes of pixel data", bytes.len(), needed)?;
    let bytes = &bytes[..needed];
    if sample_bits == 8 {
        values(bytes.iter().map(|byte| u16::from(*byte)), bits, sample_bits, header)
    } else {
        let words = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        values(words, bits, sample_bits, header)
    }
}

/// Samples without the bits of overlays: the lowest `bits` with their sign, or all if there is none. What stands above them
/// is nothing, or repeats the sign; `sample_bits` and `bits` are 1 to 16.
fn values(
    raw: impl Iterator<Item = u16>,
    bits: u32,
    sample_bits: u32,
    header: &Header,
) -> Result<Samples, Refusal> {
    let out_of_range = || RefusalCode::ValueOutOfRange.with(format!("more than {} bits", header.bits_stored));
    let raw = raw.map(|value| value & !header.overlay_bits);
    if !header.signed {
        let values: Vec<u16> = raw.collect();
        let fits = values.iter().fold(0, |all, value| all | value) <= header.max_value() as u16;
        return if fits { Ok(Samples::Unsigned(values)) } else { Err(out_of_range()) };
    }
    let unused = 16 - bits.clamp(1, 16);
    let signed = |value: u16| i32::from(((value << unused) as i16) >> unused);
    let above =
        u16::MAX.unbounded_shl(bits) & (u16::MAX >> (16 - sample_bits.clamp(1, 16))) & !header.overlay_bits;
    let (mut fits, mut values) = (true, Vec::with_capacity(header.pixels()));
    for value in raw {
        let found = signed(value);
        fits &= value & above == 0 || (value & above == above && found < 0);
        values.push(found);
    }
    if fits { Ok(Samples::of_signed(values)) } else { Err(out_of_range()) }
}

/// Bytes of uncompressed pixel data.
fn native_len(object: &InMemDicomObject) -> Result<usize, Refusal> {
    match object.get(tags::PIXEL_DATA).map(|element| element.value()) {
        Some(Value::Primitive(PrimitiveValue::U8(bytes))) => Ok(bytes.len()),
        Some(Value::Primitive(PrimitiveValue::U16(words))) => Ok(2 * words.len()),
        Some(Value::Primitive(other)) => Ok(other.to_bytes().len()),
        _ => Err(RefusalCode::Damaged.with("the pixel data is not uncompressed".into())),
    }
}

/// Takes uncompressed pixel data out of the object. The words of a usual radiograph, many megabytes, become samples
/// where they are.
fn native(object: &mut InMemDicomObject, header: &Header) -> Result<Samples, Refusal> {
    match object.take(tags::PIXEL_DATA).map(|element| element.into_value()) {
        Some(Value::Primitive(PrimitiveValue::U16(words)))
            if header.bits_allocated == 16 && !header.signed =>
        {
            let mut words = words.into_vec();
            check_amount("words of pixel data", words.len(), header.pixels())?;
            words.truncate(header.pixels());
            let all = words.iter().fold(0, |all, word| all | word) & !header.overlay_bits;
            if all > header.max_value() as u16 {
                return Err(
                    RefusalCode::ValueOutOfRange.with(format!("more than {} bits", header.bits_stored))
                );
            }
            if header.overlay_bits != 0 {
                words.iter_mut().for_each(|word| *word &= !header.overlay_bits);
            }
            Ok(Samples::Unsigned(words))
        }
        Some(Value::Primitive(value)) => {
            unpacked(&value.to_bytes(), header, header.bits_allocated, header.bits_stored)
        }
        _ => Err(RefusalCode::Damaged.with("the pixel data is not uncompressed".into())),
    }
}

/// The whole codestream of the only frame, in however many fragments.
pub(super) fn codestream(object: &InMemDicomObject) -> Result<Cow<'_, [u8]>, Refusal> {
    let fragments = match object.get(tags::PIXEL_DATA).map(|element| element.value()) {
        Some(Value::PixelSequence(sequence)) => sequence.fragments(),
        _ => return Err(RefusalCode::Damaged.with("the pixel data is not encapsulated".into())),
    };
    match fragments {
        [] => Err(RefusalCode::SizeMismatch.with("the pixel data is empty".into())),
        [only] => Ok(Cow::Borrowed(only)),
        several => {
            let begun = several.iter().filter(|fragment| begins_codestream(fragment)).count();
            match begun {
                ..=1 => Ok(Cow::Owned(several.concat())),
                frames => Err(RefusalCode::MultiFrame.with(format!("{frames} compressed pictures"))),
            }
        }
    }
}

/// As every kind of JPEG does, and no part of one but its first.
fn begins_codestream(fragment: &[u8]) -> bool {
    fragment.starts_with(&[0xFF, 0xD8, 0xFF]) || fragment.starts_with(&[0xFF, 0x4F, 0xFF, 0x51])
}

/// The codestream's own header where its decoder would trust it blindly.
fn frame_header(codestream: &[u8], header: &Header) -> Result<Option<FrameHeader>, Refusal> {
    let frame = match header.encoding {
        Encoding::JpegLs => codestream::jpeg_ls(codestream),
        Encoding::Jpeg2000 => codestream::jpeg_2000(codestream),
        Encoding::Native | Encoding::Jpeg | Encoding::Rle => return Ok(None),
    };
    let frame = frame.ok_or_else(|| RefusalCode::Damaged.with("the frame has no header".into()))?;
    let FrameHeader { width, height, components, precision, .. } = frame;
    if ((width, height), components) != (header.size(), 1) || precision > header.bits_allocated {
        return Err(RefusalCode::SizeMismatch.with(format!(
            "the frame is {width} x {height} pixels of {components} x {precision} bits, \
             the header says {} x {} of {}",
            header.columns, header.rows, header.bits_stored
        )));
    }
    Ok(Some(frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(bits_stored: u32, signed: bool, overlay_bits: u16) -> Header {
        Header {
            transfer_syntax_uid: String::new(),
            encoding: Encoding::Native,
            rows: 1,
            columns: 1,
            bits_allocated: 16,
            bits_stored,
            signed,
            inverted: false,
            overlay_bits,
        }
    }

    fn of(raw: &[u16], bits: u32, sample_bits: u32, header: &Header) -> Option<Samples> {
        values(raw.iter().copied(), bits, sample_bits, header).ok()
    }

    #[test]
    fn what_stands_above_an_unsigned_value_is_an_overlay_or_too_much() {
        let above_12 = [0x0FFF, 0x1001];
        assert_eq!(of(&above_12, 12, 16, &header(12, false, 0)), None);
        assert_eq!(of(&above_12, 12, 16, &header(12, false, 1 << 13)), None);
        assert_eq!(
            of(&above_12, 12, 16, &header(12, false, 1 << 12)),
            Some(Samples::Unsigned(vec![0x0FFF, 1]))
        );
    }

    #[test]
    fn what_stands_above_a_signed_value_repeats_its_sign_or_is_nothing() {
        let twelve = header(12, true, 0);
        let signed = Some(Samples::Signed(vec![-1, -1, 1]));
        assert_eq!(of(&[0x0FFF, 0xFFFF, 1], 12, 16, &twelve), signed);
        for odd in [0x1FFF, 0xF001, 0x1001, 0xE800] {
            assert_eq!(of(&[odd], 12, 16, &twelve), None, "{odd:x}");
        }
        assert_eq!(of(&[0x2FFF], 12, 16, &header(12, true, 1 << 13)), Some(Samples::Signed(vec![-1])));
        assert_eq!(of(&[0x80, 0x7F], 8, 8, &header(8, true, 0)), Some(Samples::Signed(vec![-128, 127])));
        assert_eq!(of(&[0xFFFF, 4095], 16, 16, &header(16, true, 0)), Some(Samples::Signed(vec![-1, 4095])));
    }

    #[test]
    fn padding_is_not_another_picture() {
        let code = |found, needed| check_amount("bytes", found, needed).err().map(|refusal| refusal.code);
        assert_eq!(
            [(100, 100), (101, 100), (150, 100), (2, 1)].map(|(found, needed)| code(found, needed)),
            [None; 4]
        );
        for (found, needed) in [(99, 100), (0, 1), (200, 100), (160, 100), (3, 1)] {
            assert_eq!(code(found, needed), Some(RefusalCode::SizeMismatch), "{found} of {needed}");
        }
    }
}
