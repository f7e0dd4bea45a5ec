//! A picture of RGB pixels to draw on. What lies outside is not drawn. Integers only: every processor draws the same.

/// Width of every picture, pixels.
pub(super) const WIDTH: usize = 1024;
/// Height of every picture, pixels.
pub(super) const HEIGHT: usize = 768;

pub(super) type Rgb = [u8; 3];

pub(super) const BLACK: Rgb = [0, 0, 0];
pub(super) const WHITE: Rgb = [255, 255, 255];
pub(super) const GREY: Rgb = [150, 150, 150];
pub(super) const DIM: Rgb = [60, 60, 60];
pub(super) const BLUE: Rgb = [110, 170, 230];
pub(super) const RED: Rgb = [176, 20, 30];
pub(super) const ORANGE: Rgb = [255, 170, 40];

/// Pixels from the top left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

/// [`WIDTH`] × [`HEIGHT`] pixels.
pub(super) struct Canvas {
    rgb: Vec<u8>,
}

impl Canvas {
    /// All black.
    pub(super) fn new() -> Self {
        Self { rgb: vec![0; WIDTH * HEIGHT * 3] }
    }

    /// Row by row, red, green, blue.
    pub(super) fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }

    /// Lays `colour` over a pixel; `cover` is 0 for nothing to 256 for all of it.
    pub(super) fn blend(&mut self, x: i32, y: i32, colour: Rgb, cover: u16) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x >= WIDTH || y >= HEIGHT {
            return;
        }
        let cover = u32::from(cover.min(256));
        for (below, above) in self.rgb[(y * WIDTH + x) * 3..][..3].iter_mut().zip(colour) {
            *below = ((u32::from(*below) * (256 - cover) + u32::from(above) * cover) / 256) as u8;
        }
    }

    /// As [`Self::blend`], for a rectangle.
    pub(super) fn fill(&mut self, rect: Rect, colour: Rgb, cover: u16) {
        for y in rect.y..rect.y + rect.height {
            for x in rect.x..rect.x + rect.width {
                self.blend(x, y, colour, cover);
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
        canvas.fill(Rect { x: -5, y: HEIGHT as i32 - 1, width: 6, height: 9 }, WHITE, 256);
        canvas.blend(1, 0, [255, 0, 0], 128);
        let rgb = canvas.into_rgb();
        assert_eq!(rgb.iter().filter(|value| **value == 255).count(), 3);
        assert_eq!(rgb[(HEIGHT - 1) * WIDTH * 3..][..3], WHITE);
        assert_eq!(rgb[3..6], [127, 0, 0]);
    }
}
