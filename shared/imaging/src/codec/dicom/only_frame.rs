//! The codestream of a frame as the decoders that dicom-rs registers want it: as an object of one frame in one fragment.

use std::borrow::Cow;

use dicom_encoding::adapters::{PixelDataObject, RawPixelData};
use dicom_encoding::transfer_syntax::{Codec, TransferSyntaxIndex};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use super::header::Header;
use super::text::unsupported_transfer_syntax;
use crate::error::{Refusal, RefusalCode};

/// A grey frame.
pub(super) struct OnlyFrame<'a> {
    codestream: &'a [u8],
    header: &'a Header,
}

impl<'a> OnlyFrame<'a> {
    pub(super) fn new(codestream: &'a [u8], header: &'a Header) -> Self {
        Self { codestream, header }
    }

    /// Decodes it with the decoder of the transfer syntax.
    pub(super) fn decoded(&self) -> Result<Vec<u8>, Refusal> {
        let uid = &self.header.transfer_syntax_uid;
        let syntax = TransferSyntaxRegistry.get(uid);
        let Some(Codec::EncapsulatedPixelData(Some(reader), _)) = syntax.map(|syntax| syntax.codec()) else {
            return Err(unsupported_transfer_syntax(uid));
        };
        let mut bytes = Vec::new();
        reader.decode_frame(self, 0, &mut bytes).map_err(|_| RefusalCode::Damaged)?;
        Ok(bytes)
    }
}

impl PixelDataObject for OnlyFrame<'_> {
    fn transfer_syntax_uid(&self) -> &str {
        &self.header.transfer_syntax_uid
    }

    fn rows(&self) -> Option<u16> {
        self.header.rows.try_into().ok()
    }

    fn cols(&self) -> Option<u16> {
        self.header.columns.try_into().ok()
    }

    fn samples_per_pixel(&self) -> Option<u16> {
        Some(1)
    }

    fn bits_allocated(&self) -> Option<u16> {
        self.header.bits_allocated.try_into().ok()
    }

    fn bits_stored(&self) -> Option<u16> {
        self.header.bits_stored.try_into().ok()
    }

    fn photometric_interpretation(&self) -> Option<&str> {
        Some(if self.header.inverted { "MONOCHROME1" } else { "MONOCHROME2" })
    }

    fn number_of_frames(&self) -> Option<u32> {
        Some(1)
    }

    fn number_of_fragments(&self) -> Option<u32> {
        Some(1)
    }

    fn fragment(&self, fragment: usize) -> Option<Cow<'_, [u8]>> {
        (fragment == 0).then_some(Cow::Borrowed(self.codestream))
    }

    fn offset_table(&self) -> Option<Cow<'_, [u32]>> {
        Some(Cow::Borrowed(&[]))
    }

    fn raw_pixel_data(&self) -> Option<RawPixelData> {
        let fragments = vec![self.codestream.to_vec()].into();
        Some(RawPixelData { fragments, offset_table: Vec::new().into() })
    }
}
