//! Facts about a PNG or JPEG besides its grey pixels: it has no header that would tell what it shows.

use serde::{Deserialize, Serialize};

use crate::picture::Picture;

/// Facts that tell whether a PNG or JPEG can be a radiograph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlainFacts {
    /// Pixels per row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The smallest value of a pixel.
    pub lowest: i32,
    /// The largest value of a pixel.
    pub highest: i32,
    /// The value of full brightness.
    pub max_value: u32,
    /// Whether many pixels have a saturated colour.
    pub is_coloured: bool,
    /// How a viewer would turn or mirror it, as EXIF numbers it: 1 for not at all, up to 8. `None` without such a number.
    pub orientation: Option<u8>,
}

impl PlainFacts {
    pub(crate) fn of(picture: &Picture, is_coloured: bool, orientation: Option<u8>) -> Self {
        let (lowest, highest) = picture.samples().range();
        let (width, height, max_value) = (picture.width(), picture.height(), picture.max_value());
        Self { width, height, lowest, highest, max_value, is_coloured, orientation }
    }
}
