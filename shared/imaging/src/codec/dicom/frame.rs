//! Pixel data to stored values, as pydicom gives them to torchxrayvision: bits above BitsStored are ignored, signed
//! values keep their sign, nothing is rescaled or windowed.

use std::borrow::Cow;

use dicom_core::value::Value;
use dicom_dictionary_std::tags;
use dicom_encoding::adapters::PixelDataObject;
use dicom_encoding::transfer_syntax::{Codec, TransferSyntaxIndex};
use dicom_object::DefaultDicomObject;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use image::GrayImage;

use super::codestream::{self, FrameHeader};
use super::header::{Encoding, Header};
use super::unsupported_transfer_syntax;
use crate::codec::{jpeg, preview};
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;
use crate::picture::{Picture, Samples};

/// The stored values of a single-frame grey image.
pub(in crate::codec) struct Frame {
    header: Header,
    samples: Samples,
}

impl Frame {
    /// Larger is brighter: `MONOCHROME1` is turned over as `max − v`.
    pub(in crate::codec) fn into_picture(self) -> Result<Picture, Refusal> {
        let Self { header, samples } = self;
        let max_value = header.max_value();
        let out_of_range = || RefusalCode::ValueOutOfRange.with(format!("more than {max_value}"));
        let samples = match samples {
            Samples::Unsigned(mut values) if header.inverted => {
                for value in &mut values {
                    let turned = max_value.checked_sub(u32::from(*value)).ok_or_else(out_of_range)?;
                    *value = turned as u16;
                }
                Samples::Unsigned(values)
            }
            Samples::Signed(values) if header.inverted => {
                Samples::Signed(values.iter().map(|value| max_value as i32 - value).collect())
            }
            upright => upright,
        };
        let (size, bits) = ((header.columns, header.rows), header.bits_stored as u8);
        Picture::new(size, max_value, bits, samples).map_err(|_| out_of_range())
    }

    /// As a viewer shows it: the first window if there is one (PS3.3 C.11.2.1.2.1), else smallest to largest value.
    pub(in crate::codec) fn to_grey(&self) -> GrayImage {
        let (slope, intercept) = self.header.display.rescale;
        let (black, white) = match self.header.display.window {
            Some((center, width)) => (center - 0.5 - (width - 1.0) / 2.0, center - 0.5 + (width - 1.0) / 2.0),
            None => {
                let (low, high) = self.samples.range();
                let ends = [low, high].map(|value| f64::from(value) * slope + intercept);
                (ends[0].min(ends[1]), ends[0].max(ends[1]))
            }
        };
        let span = (white - black).max(f64::MIN_POSITIVE);
        let size = (self.header.columns, self.header.rows);
        preview::grey(size, &self.samples, |value| {
            let shade = ((value * slope + intercept - black) / span).clamp(0.0, 1.0);
            if self.header.inverted { 1.0 - shade } else { shade }
        })
    }
}

/// Compares the pixel data with the header as far as that costs nothing.
pub(super) fn check_encoded(object: &DefaultDicomObject, header: &Header) -> Result<(), Refusal> {
    if header.encoding == Encoding::Native {
        let found = native_bytes(object)?.len();
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
pub(super) fn decode(object: DefaultDicomObject, header: Header, limits: &Limits) -> Result<Frame, Refusal> {
    let samples = match header.encoding {
        Encoding::Native => {
            let bytes = native_bytes(&object)?;
            values(raw(&bytes, &header, header.bits_allocated)?, header.bits_stored, header.signed)
        }
        Encoding::Jpeg => {
            let size = (header.columns, header.rows);
            let raw = jpeg::decode_frame(&fragments(&object)?, size, limits)?;
            values(raw.into_iter(), header.bits_stored, header.signed)
        }
        Encoding::Rle => {
            let bytes = adapted(&object, &header)?;
            values(raw(&bytes, &header, header.bits_allocated)?, header.bits_stored, header.signed)
        }
        Encoding::JpegLs => {
            let precision = frame_header(&fragments(&object)?, &header)?.map_or(0, |frame| frame.precision);
            let bits = if header.signed { precision } else { header.bits_stored };
            let bytes = adapted(&object, &header)?;
            let sample_bits = if precision <= 8 { 8 } else { 16 };
            values(raw(&bytes, &header, sample_bits)?, bits, header.signed)
        }
        Encoding::Jpeg2000 => {
            let frame = frame_header(&fragments(&object)?, &header)?;
            // The codestream has its own sign; where it contradicts the header, the header is right.
            let disagreeing = frame.filter(|frame| frame.signed != header.signed);
            let bits = disagreeing.map_or(header.bits_allocated, |frame| frame.precision);
            let bytes = adapted(&object, &header)?;
            values(raw(&bytes, &header, header.bits_allocated)?, bits, header.signed)
        }
    };
    Ok(Frame { header, samples })
}

/// Samples as they lie in memory, widened to 16 bits.
fn raw<'a>(
    bytes: &'a [u8],
    header: &Header,
    sample_bits: u32,
) -> Result<Box<dyn Iterator<Item = u16> + 'a>, Refusal> {
    let needed = header.pixels() * sample_bits as usize / 8;
    let bytes = bytes.get(..needed).ok_or(RefusalCode::Truncated)?;
    Ok(if sample_bits == 8 {
        Box::new(bytes.iter().map(|byte| u16::from(*byte)))
    } else {
        Box::new(bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])))
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

/// Uncompressed pixel data, little endian.
fn native_bytes(object: &DefaultDicomObject) -> Result<Cow<'_, [u8]>, Refusal> {
    match object.get(tags::PIXEL_DATA).map(|element| element.value()) {
        Some(Value::Primitive(value)) => Ok(value.to_bytes()),
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
    if (width, height, components) != (header.columns, header.rows, 1) || precision > header.bits_allocated {
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
