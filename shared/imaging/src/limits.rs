//! Bounds on what a file may claim before anything is allocated for it. Knows no file format.

use serde::{Deserialize, Serialize};

use crate::error::{Refusal, RefusalCode};

/// Bounds that are checked against the header of a file before its pixels are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Largest file, and the most that a deflated one may become, bytes.
    pub max_file_bytes: u64,
    /// Most pixels in a picture.
    pub max_pixels: u64,
    /// Longest side of a picture, pixels.
    pub max_side_px: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_file_bytes: 256 << 20, max_pixels: 100_000_000, max_side_px: 16_384 }
    }
}

impl Limits {
    /// Refuses a picture that has no pixels or more than allowed.
    pub(crate) fn check_size(&self, width: u32, height: u32) -> Result<(), Refusal> {
        if width == 0 || height == 0 {
            return Err(RefusalCode::Damaged.with(format!("the header says {width} x {height} pixels")));
        }
        if width > self.max_side_px
            || height > self.max_side_px
            || u64::from(width) * u64::from(height) > self.max_pixels
        {
            return Err(RefusalCode::TooManyPixels.with(format!(
                "the header says {width} x {height} pixels; at most {} a side and {} in all are read",
                self.max_side_px, self.max_pixels
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_without_pixels_or_with_too_many_are_refused() {
        let limits = Limits { max_pixels: 100, max_side_px: 20, ..Limits::default() };
        let code = |width, height| limits.check_size(width, height).err().map(|refusal| refusal.code);
        assert_eq!(code(10, 10), None);
        assert_eq!(code(20, 5), None);
        assert_eq!(code(0, 10), Some(RefusalCode::Damaged));
        assert_eq!(code(10, 11), Some(RefusalCode::TooManyPixels));
        assert_eq!(code(21, 1), Some(RefusalCode::TooManyPixels));
        assert_eq!(code(u32::MAX, u32::MAX), Some(RefusalCode::TooManyPixels));
    }
}
