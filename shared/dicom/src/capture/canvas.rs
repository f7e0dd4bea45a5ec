//! A picture of RGB pixels to draw on. What lies outside is not drawn. Integers only: every processor draws the same.

/// Width of every picture, pixels.
pub(super) const WIDTH: usize = 1552;
/// What there is room for, pixels.
pub(super) const HEIGHT_MAX: usize = 1400;

pub(super) type Rgb = [u8; 3];

pub(super) const BLACK: Rgb = [0, 0, 0];
pub(super) const WHITE: Rgb = [255, 255, 255];
pub(super) const GREY: Rgb = [150, 150, 150];
pub(super) const DIM: Rgb = [60, 60, 60];
pub(super) const BLUE: Rgb = [110, 170, 230];
pub(super) const RED: Rgb = [176, 20, 30];
pub(super) const ORANGE: Rgb = [255, 170, 40];
pub(super) const YELLOW: Rgb = [255, 232, 90];

/// Pixels from the top left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

/// [`WIDTH`] pixels wide, and as high as it is ended at.
pub(super) struct Canvas {
    rgb: Vec<u8>,
    /// Each line of words, and the place that it takes.
    #[cfg(test)]
    pub(super) written: Vec<(Rect, String)>,
}

impl Canvas {
    /// All black.
    pub(super) fn new() -> Self {
        Self {
            rgb: vec![0; WIDTH * HEIGHT_MAX * 3],
            #[cfg(test)]
            written: Vec::new(),
        }
    }

    /// Cuts off what lies below.
    pub(super) fn end_at(&mut self, height: i32) {
        self.rgb.truncate(WIDTH * usize::try_from(height).unwrap_or(0) * 3);
    }

    /// Height, pixels.
    pub(super) fn height(&self) -> usize {
        self.rgb.len() / 3 / WIDTH
    }

    /// Row by row, red, green, blue.
    pub(super) fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }

    /// Lays `colour` over a pixel; `cover` is 0 for nothing to 256 for all of it.
    pub(super) fn blend(&mut self, x: i32, y: i32, colour: Rgb, cover: u16) {
        self.fill(Rect { x, y, width: 1, height: 1 }, colour, cover);
    }

    /// As [`Self::blend`], for a rectangle.
    pub(super) fn fill(&mut self, rect: Rect, colour: Rgb, cover: u16) {
        let within = |from: i32, length: i32, end: usize| {
            let clamped = |at: i32| usize::try_from(at).unwrap_or(0).min(end);
            clamped(from)..clamped(from.saturating_add(length))
        };
        let (columns, rows) = (within(rect.x, rect.width, WIDTH), within(rect.y, rect.height, self.height()));
        let cover = u32::from(cover.min(256));
        for y in rows {
            let row = &mut self.rgb[(y * WIDTH + columns.start) * 3..(y * WIDTH + columns.end) * 3];
            for pixel in row.as_chunks_mut::<3>().0 {
                if cover == 256 {
                    *pixel = colour;
                    continue;
                }
                for (below, above) in pixel.iter_mut().zip(colour) {
                    *below = ((u32::from(*below) * (256 - cover) + u32::from(above) * cover) / 256) as u8;
                }
            }
        }
    }

    /// A line of one pixel along the inside of a rectangle.
    pub(super) fn outline(&mut self, rect: Rect, colour: Rgb) {
        let Rect { x, y, width, height } = rect;
        self.fill(Rect { height: 1, ..rect }, colour, 256);
        self.fill(Rect { y: y + height - 1, height: 1, ..rect }, colour, 256);
        self.fill(Rect { width: 1, ..rect }, colour, 256);
        self.fill(Rect { x: x + width - 1, width: 1, ..rect }, colour, 256);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_is_not_drawn_and_what_lies_inside_is() {
        let mut canvas = Canvas::new();
        canvas.end_at(700);
        canvas.fill(Rect { x: -5, y: 699, width: 6, height: 9 }, WHITE, 256);
        canvas.blend(1, 0, [255, 0, 0], 128);
        let rgb = canvas.into_rgb();
        assert_eq!(rgb.iter().filter(|value| **value == 255).count(), 3);
        assert_eq!(rgb[699 * WIDTH * 3..][..3], WHITE);
        assert_eq!(rgb[3..6], [127, 0, 0]);
    }
}
