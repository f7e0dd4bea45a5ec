//! Pixel data to stored values, as pydicom gives them to torchxrayvision: bits above BitsStored are ignored and signed
//! values keep their sign. Rescale and window come afterwards, for those who want them.

use std::borrow::Cow;

use dicom_core::value::{PrimitiveValue, Value};
use dicom_dictionary_std::tags;
use dicom_encoding::adapters::PixelDataObject;
use dicom_encoding::transfer_syntax::{Codec, TransferSyntaxIndex};
use dicom_object::DefaultDicomObject;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::codestream::{self, FrameHeader};
use super::header::{Encoding, Header};
use super::shading::Shading;
use super::unsupported_transfer_syntax;
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
pub(super) fn check_encoded(object: &DefaultDicomObject, header: &Header) -> Result<(), Refusal> {
    if header.encoding == Encoding::Native {
        let found = native_len(object)?;
        let needed = header.pixels() * header.bits_allocated as usize / 8;
        return if found < needed {
            Err(RefusalCode::Truncated.with(format!("{found} of {needed} bytes of pixel data")))
        } else {
            Ok(())
        };
    }
    frame_header(&fragments(object)?, header).map(|_| ())
}

/// Undoes the compression and gives the stored values.
pub(super) fn decode(
    mut object: DefaultDicomObject,
    header: Header,
    limits: &Limits,
) -> Result<Frame, Refusal> {
    let shading = Shading::of(&object, &header);
    let samples = match header.encoding {
        Encoding::Native => native(&mut object, &header)?,
        Encoding::Jpeg => {
            let raw = jpeg::decode_frame(&fragments(&object)?, header.size(), limits)?;
            values(raw.into_iter(), header.bits_stored, header.signed)
        }
        Encoding::Rle => {
            let bytes = adapted(&object, &header)?;
            unpacked(&bytes, &header, header.bits_allocated, header.bits_stored)?
        }
        Encoding::JpegLs => {
            let precision = frame_header(&fragments(&object)?, &header)?.map_or(0, |frame| frame.precision);
            let bits = if header.signed { precision } else { header.bits_stored };
            let bytes = adapted(&object, &header)?;
            let sample_bits = if precision <= 8 { 8 } else { 16 };
            unpacked(&bytes, &header, sample_bits, bits)?
        }
        Encoding::Jpeg2000 => {
            let frame = frame_header(&fragments(&object)?, &header)?;
            // The codestream has its own sign; where it contradicts the header, the header is right.
            let disagreeing = frame.filter(|frame| frame.signed != header.signed);
            let bits = disagreeing.map_or(header.bits_allocated, |frame| frame.precision);
            let bytes = adapted(&object, &header)?;
            unpacked(&bytes, &header, header.bits_allocated, bits)?
        }
    };
    Ok(Frame { header, samples, shading })
}

/// The lowest `bits` of samples that take up `sample_bits`, 8 or 16, each.
fn unpacked(bytes: &[u8], header: &Header, sample_bits: u32, bits: u32) -> Result<Samples, Refusal> {
    let needed = header.pixels() * sample_bits as usize / 8;
    let bytes = bytes.get(..needed).ok_or(RefusalCode::Truncated)?;
    Ok(if sample_bits == 8 {
        values(bytes.iter().map(|byte| u16::from(*byte)), bits, header.signed)
    } else {
        let words = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        values(words, bits, header.signed)
    })
}

/// The lowest `bits` of each sample, with or without sign. `bits` is 1 to 16.
fn values(raw: impl Iterator<Item = u16>, bits: u32, signed: bool) -> Samples {
    let unused = 16 - bits.clamp(1, 16);
    if signed {
        Samples::of_signed(raw.map(|value| i32::from(((value << unused) as i16) >> unused)).collect())
    } else {
        Samples::Unsigned(raw.map(|value| (value << unused) >> unused).collect())
    }
}

/// Bytes of uncompressed pixel data.
fn native_len(object: &DefaultDicomObject) -> Result<usize, Refusal> {
    match object.get(tags::PIXEL_DATA).map(|element| element.value()) {
        Some(Value::Primitive(PrimitiveValue::U8(bytes))) => Ok(bytes.len()),
        Some(Value::Primitive(PrimitiveValue::U16(words))) => Ok(2 * words.len()),
        Some(Value::Primitive(other)) => Ok(other.to_bytes().len()),
        _ => Err(RefusalCode::Damaged.with("the pixel data is not uncompressed".into())),
    }
}

/// Takes uncompressed pixel data out of the object. The words of a usual radiograph, many megabytes, become samples
/// where they are.
fn native(object: &mut DefaultDicomObject, header: &Header) -> Result<Samples, Refusal> {
    match object.take(tags::PIXEL_DATA).map(|element| element.into_value()) {
        Some(Value::Primitive(PrimitiveValue::U16(words)))
            if header.bits_allocated == 16 && !header.signed =>
        {
            let mut words = words.into_vec();
            if words.len() < header.pixels() {
                return Err(RefusalCode::Truncated.into());
            }
            words.truncate(header.pixels());
            let stored = u16::MAX >> (16 - header.bits_stored.clamp(1, 16));
            for word in &mut words {
                *word &= stored;
            }
            Ok(Samples::Unsigned(words))
        }
        Some(Value::Primitive(value)) => {
            unpacked(&value.to_bytes(), header, header.bits_allocated, header.bits_stored)
        }
        _ => Err(RefusalCode::Damaged.with("the pixel data is not uncompressed".into())),
    }
}

/// The whole codestream of the only frame.
fn fragments(object: &DefaultDicomObject) -> Result<Cow<'_, [u8]>, Refusal> {
    let fragments = match object.get(tags::PIXEL_DATA).map(|element| element.value()) {
        Some(Value::PixelSequence(sequence)) => sequence.fragments(),
        _ => return Err(RefusalCode::Damaged.with("the pixel data is not encapsulated".into())),
    };
    match fragments {
        [] => Err(RefusalCode::Truncated.with("the pixel data is empty".into())),
        [only] => Ok(Cow::Borrowed(only)),
        several => Ok(Cow::Owned(several.concat())),
    }
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

/// The only frame through the decoder that dicom-rs registers for the transfer syntax.
fn adapted(object: &DefaultDicomObject, header: &Header) -> Result<Vec<u8>, Refusal> {
    let uid = &header.transfer_syntax_uid;
    let syntax = TransferSyntaxRegistry.get(uid);
    let Some(Codec::EncapsulatedPixelData(Some(reader), _)) = syntax.map(|syntax| syntax.codec()) else {
        return Err(unsupported_transfer_syntax(uid));
    };
    let mut bytes = Vec::new();
    let object: &dyn PixelDataObject = object;
    reader.decode_frame(object, 0, &mut bytes).map_err(|_| RefusalCode::Damaged)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unused_high_bits_are_ignored_and_the_sign_kept() {
        let raw = || [0x0FFF, 0xF001, 0x0800].into_iter();
        assert_eq!(values(raw(), 12, false), Samples::Unsigned(vec![4095, 1, 2048]));
        assert_eq!(values(raw(), 12, true), Samples::Signed(vec![-1, 1, -2048]));
        assert_eq!(values(raw(), 16, true), Samples::Signed(vec![4095, -4095, 2048]));
        assert_eq!(values([0x80, 0x7F].into_iter(), 8, true), Samples::Signed(vec![-128, 127]));
    }
}
