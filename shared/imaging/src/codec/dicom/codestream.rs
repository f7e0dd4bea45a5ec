//! The frame headers of JPEG-LS and JPEG 2000 codestreams. A decoder allocates what they say, so they are compared
//! with the DICOM header first.

/// The frame header of a codestream.
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
    for (marker, segment) in Segments::of(codestream)? {
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
    }
    None
}

/// Variants of a codestream that CharLS refuses, to be tried one after the other: without the bytes between segments, and with
/// ever fewer of the zeros before the end marker, of which only some belong to the scan.
pub(super) fn tidied_jpeg_ls(codestream: &[u8]) -> Vec<Vec<u8>> {
    const TRIED_ZEROS: usize = 8;
    const START: [u8; 2] = [0xFF, 0xD8];
    const SOS: u8 = 0xDA;
    const END: [u8; 2] = [0xFF, 0xD9];
    let Some(mut segments) = Segments::of(codestream) else { return Vec::new() };
    let mut head = START.to_vec();
    for (marker, segment) in segments.by_ref() {
        head.extend([0xFF, marker]);
        head.extend_from_slice(segment);
        if marker == SOS {
            break;
        }
    }
    // Within a scan a byte of 255 is followed by one below 128.
    let Some(end) = segments.rest.windows(2).position(|pair| pair[0] == 0xFF && pair[1] >= 0x80) else {
        return Vec::new();
    };
    let mut scan = &segments.rest[..end];
    let mut tidied = vec![[&head, scan, &END].concat()];
    while let Some(fewer) = scan.strip_suffix(&[0]).filter(|_| tidied.len() <= TRIED_ZEROS) {
        scan = fewer;
        tidied.push([&head, scan, &END].concat());
    }
    tidied
}

/// Marker and content, with the length, of the segments of a JPEG-LS codestream. Before a marker there may be any number of
/// bytes of 255 (ITU-T T.81 B.1.1.2).
struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Segments<'a> {
    fn of(codestream: &'a [u8]) -> Option<Self> {
        const SOI: u8 = 0xD8;
        let start = codestream.strip_prefix(&[0xFF])?;
        let marker = start.iter().position(|byte| *byte != 0xFF)?;
        (start[marker] == SOI).then_some(Self { rest: &start[marker + 1..] })
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let fill = self.rest.iter().position(|byte| *byte != 0xFF).filter(|fill| *fill > 0)?;
        let &[marker, high, low] = self.rest[fill..].first_chunk()?;
        let (segment, after) =
            self.rest[fill + 1..].split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        self.rest = after;
        Some((marker, segment))
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
    let &[c1, c0, depth, every_x, every_y] = siz.get(36..)?.first_chunk()?;
    // Fewer samples than pixels: the decoder would leave the rest of the picture black.
    if (every_x, every_y) != (1, 1) {
        return None;
    }
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
    fn bytes_that_fill_up_to_a_marker_are_passed_over() {
        let tidy =
            [&[0xFF, 0xD8, 0xFF, 0xF7, 0, 4, 8, 1][..], &[0xFF, 0xDA, 0, 3, 1], &[7, 0xFF, 0x7F, 0, 0]]
                .concat();
        let end = [0xFF, 0xD9];
        let filled = [0xFF, 0xFF, 0xD8, 0xFF, 0xFF, 0xF7, 0, 4, 8, 1, 0xFF, 0xFF, 0xFF, 0xDA, 0, 3, 1];
        let filled = [&filled[..], &[7, 0xFF, 0x7F, 0, 0], &[0xFF, 0xFF], &end].concat();
        let with_zeros = |zeros: usize| [&tidy[..tidy.len() - 2 + zeros], &end].concat();
        assert_eq!(tidied_jpeg_ls(&filled), [2, 1, 0].map(with_zeros));
        assert!(tidied_jpeg_ls(&tidy).is_empty() && tidied_jpeg_ls(b"").is_empty());
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
