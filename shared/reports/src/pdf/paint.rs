//! Marks that can be put on a sheet: text, rectangles, lines, pictures; in points from the sheet's top left corner. Does not know
//! how they get there.

use krilla::image::Image;

use super::colour::Colour;
use super::text::Run;

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) width: f32,
    pub(super) height: f32,
}

/// A mark on a sheet.
#[derive(Debug, Clone)]
pub(super) enum Mark {
    /// A line of text that starts at `x`.
    Text { x: f32, baseline: f32, size: f32, run: Run },
    /// A line of text that is read upwards, turned about its start.
    UprightText { x: f32, baseline: f32, size: f32, run: Run },
    /// A filled rectangle.
    Filled { area: Area, colour: Colour, opacity: f32 },
    /// A rectangle's outline.
    Outlined { area: Area, colour: Colour, thickness: f32 },
    /// A rectangle with slanting lines.
    Hatched { area: Area },
    /// A picture, stretched to the rectangle.
    Picture { area: Area, picture: Image },
}

impl Mark {
    /// A rectangle that hides what is under it.
    pub(super) fn solid(area: Area, colour: Colour) -> Self {
        Self::Filled { area, colour, opacity: 1.0 }
    }
}
