//! The frame headers of JPEG-LS and JPEG 2000 codestreams. A decoder allocates what they say, so they are compared
//! with the DICOM header first.

/// What a codestream says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) components: u32,
    /// Bits per sample.
    pub(super) precision: u32,
    /// Whether samples are signed; JPEG-LS can't tell and says no.
    pub(super) signed: bool,
}

/// Finds the SOF55 segment (ITU-T T.87 C.2.2).
pub(super) fn jpeg_ls(codestream: &[u8]) -> Option<FrameHeader> {
    const SOF55: u8 = 0xF7;
    let mut rest = codestream.strip_prefix(&[0xFF, 0xD8])?;
    loop {
        let &[0xFF, marker, high, low] = rest.first_chunk::<4>()? else { return None };
        let (segment, after) = rest[2..].split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        if marker == SOF55 {
            let &[_, _, precision, y1, y0, x1, x0, components] = segment.first_chunk::<8>()?;
            return Some(FrameHeader {
                width: u16::from_be_bytes([x1, x0]).into(),
                height: u16::from_be_bytes([y1, y0]).into(),
                components: components.into(),
                precision: precision.into(),
                signed: false,
            });
        }
        rest = after;
    }
}

/// Finds the SIZ segment (ITU-T T.800 A.5.1), also within the boxes of a JP2 file, which some writers leave around
/// the codestream.
pub(super) fn jpeg_2000(bytes: &[u8]) -> Option<FrameHeader> {
    const SOC_SIZ: [u8; 4] = [0xFF, 0x4F, 0xFF, 0x51];
    const BOXES_MAX_BYTES: usize = 64 * 1024;
    let searched = &bytes[..bytes.len().min(BOXES_MAX_BYTES)];
    let start = searched.windows(SOC_SIZ.len()).position(|window| window == SOC_SIZ)? + SOC_SIZ.len();
    let siz = bytes.get(start..)?;
    let number = |offset: usize| Some(u32::from_be_bytes(*siz.get(offset..)?.first_chunk()?));
    // After length and capabilities: Xsiz, Ysiz, XOsiz, YOsiz, four tile numbers, Csiz, then Ssiz per component.
    let (right, bottom, left, top) = (number(4)?, number(8)?, number(12)?, number(16)?);
    let &[c1, c0, depth] = siz.get(36..)?.first_chunk()?;
    Some(FrameHeader {
        width: right.checked_sub(left)?,
        height: bottom.checked_sub(top)?,
        components: u16::from_be_bytes([c1, c0]).into(),
        precision: u32::from(depth & 0x7F) + 1,
        signed: depth & 0x80 != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jpeg_ls_frame_header_is_found_behind_other_segments() {
        let mut codestream = vec![0xFF, 0xD8, 0xFF, 0xE8, 0, 4, 1, 2];
        codestream.extend([0xFF, 0xF7, 0, 11, 12, 1, 0, 2, 1, 1, 1, 0x11, 0]);
        let expected = FrameHeader { width: 513, height: 256, components: 1, precision: 12, signed: false };
        assert_eq!(jpeg_ls(&codestream), Some(expected));
        assert_eq!(jpeg_ls(&codestream[..12]), None);
        assert_eq!(jpeg_ls(&[0xFF, 0xD8, 0xFF, 0xE8, 0, 0]), None);
        assert_eq!(jpeg_ls(b""), None);
    }

    #[test]
    fn the_jpeg_2000_size_is_the_image_area() {
        let mut codestream = b"some box\xff\x4f\xff\x51\x00\x29\x00\x00".to_vec();
        for number in [110u32, 60, 10, 10, 110, 60, 0, 0] {
            codestream.extend(number.to_be_bytes());
        }
        codestream.extend([0, 1, 0x8C, 1, 1]);
        let expected = FrameHeader { width: 100, height: 50, components: 1, precision: 13, signed: true };
        assert_eq!(jpeg_2000(&codestream), Some(expected));
        assert_eq!(jpeg_2000(&codestream[..30]), None);
    }
}
