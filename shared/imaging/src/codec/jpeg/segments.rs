//! The segments of a JPEG before its first scan (ITU-T T.81 B.1), for those who rewrite them.

/// Baseline, extended sequential and progressive frame headers.
pub(super) const SOF_BASELINE: u8 = 0xC0;
pub(super) const SOF_EXTENDED: u8 = 0xC1;
pub(super) const SOF_PROGRESSIVE: u8 = 0xC2;
pub(super) const SOS: u8 = 0xDA;
pub(super) const DQT: u8 = 0xDB;
pub(super) const APP0: u8 = 0xE0;
const APP1: u8 = 0xE1;
pub(super) const APP14: u8 = 0xEE;

/// One marker and its content, without the length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) marker: u8,
    pub(super) content: &'a [u8],
}

/// The next segment and what follows it. Bytes that belong to none are passed over, as libjpeg does it.
pub(super) fn next(bytes: &[u8]) -> Option<(Segment<'_>, &[u8])> {
    let is_marker = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xFF);
    let start = bytes.windows(2).position(is_marker)?;
    let (head, rest) = bytes[start..].split_at_checked(4)?;
    let content_len = usize::from(u16::from_be_bytes([head[2], head[3]])).checked_sub(2)?;
    let (content, rest) = rest.split_at_checked(content_len)?;
    Some((Segment { marker: head[1], content }, rest))
}

/// The EXIF block among these segments, before the first scan.
pub(super) fn exif(mut segments: &[u8]) -> Option<&[u8]> {
    loop {
        let (Segment { marker, content }, rest) = next(segments)?;
        match marker {
            APP1 if content.starts_with(b"Exif\0\0") => return content.get(6..),
            SOS => return None,
            _ => segments = rest,
        }
    }
}

/// Appends a segment; `None` if it is too long for one.
pub(super) fn push(to: &mut Vec<u8>, marker: u8, content: &[u8]) -> Option<()> {
    let len = u16::try_from(content.len() + 2).ok()?;
    to.extend_from_slice(&[0xFF, marker]);
    to.extend_from_slice(&len.to_be_bytes());
    to.extend_from_slice(content);
    Some(())
}

/// Whether `marker` starts a frame.
pub(super) fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exif_is_found_before_the_first_scan_only() {
        let exif_segment = b"\xff\xe1\x00\x0aExif\0\0II";
        let jpeg = |parts: &[&[u8]]| parts.concat();
        assert_eq!(exif(&jpeg(&[b"\xff\xe1\x00\x04xm", exif_segment])), Some(&b"II"[..]));
        assert_eq!(exif(&jpeg(&[b"\xff\xda\x00\x02", exif_segment])), None);
    }

    #[test]
    fn segments_are_found_behind_fill_and_stray_bytes() {
        let (first, rest) = next(b"\xff\x00junk\xff\xff\xfe\x00\x04ab\xff\xda").unwrap();
        assert_eq!(first, Segment { marker: 0xFE, content: b"ab" });
        assert_eq!(next(rest), None);
        assert_eq!(next(b"\xff\xfe\x00\x01"), None);
        assert_eq!(next(b"\xff\xfe\x00\x09abc"), None);
    }
}
