//! Puts the segments before the first scan in order: stray bytes between them, numbers that mean nothing, and claims
//! of unknown versions go. The pixels stay as they are; afterwards every warning of libjpeg is about pixels.

use super::segments::{self, APP0, APP14, SOF_BASELINE, SOF_EXTENDED, SOS, is_frame};

/// The same JPEG with orderly segments; `None` if no scan can be found.
pub(super) fn tidied(jpeg: &[u8]) -> Option<Vec<u8>> {
    let mut tidy = jpeg.strip_prefix(&[0xFF, 0xD8]).map(|_| vec![0xFF, 0xD8])?;
    let mut rest = &jpeg[2..];
    let mut frame = None;
    loop {
        let (segment, after) = segments::next(rest)?;
        match segment.marker {
            SOS => {
                let sequential = matches!(frame, Some(SOF_BASELINE | SOF_EXTENDED));
                let content =
                    if sequential { sequential_scan(segment.content)? } else { segment.content.into() };
                segments::push(&mut tidy, SOS, &content)?;
                tidy.extend_from_slice(after);
                return Some(tidy);
            }
            APP0 if segment.content.starts_with(b"JFIF\0") && segment.content.get(5) != Some(&1) => (),
            APP14 if segment.content.starts_with(b"Adobe") && segment.content.get(11) > Some(&2) => (),
            marker => {
                frame = if is_frame(marker) { Some(marker) } else { frame };
                segments::push(&mut tidy, marker, segment.content)?;
            }
        }
        rest = after;
    }
}

/// A scan header with the only spectral selection and approximation a sequential scan can have.
fn sequential_scan(content: &[u8]) -> Option<Vec<u8>> {
    let components = content.len().checked_sub(3)?;
    Some([&content[..components], &[0, 63, 0]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stray_bytes_and_wrong_scan_numbers_go_and_the_scan_stays() {
        let untidy = b"\xff\xd8\xff\x00??\xff\xc0\x00\x03F\xff\xe0\x00\x09JFIF\0\x07\x01\xff\xda\x00\x08\x01\x00\x00\x05\x06\x07scan\xff\xd9";
        let tidy = b"\xff\xd8\xff\xc0\x00\x03F\xff\xda\x00\x08\x01\x00\x00\x00\x3f\x00scan\xff\xd9";
        assert_eq!(tidied(untidy).as_deref(), Some(&tidy[..]));
        assert_eq!(tidied(tidy).as_deref(), Some(&tidy[..]));
        assert_eq!(tidied(b"\xff\xd8\xff"), None);
    }
}
