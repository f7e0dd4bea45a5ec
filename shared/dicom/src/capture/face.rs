//! Words on a canvas, in the two faces that come with the source. A character that they lack is shown as □.

use ab_glyph::{Font as _, FontRef, PxScale, ScaleFont as _};

#[cfg(test)]
use super::canvas::Rect;
use super::canvas::{Canvas, Rgb};

static REGULAR: &[u8] = include_bytes!("../../../reports/fonts/HilumSans-Regular.otf");
static BOLD: &[u8] = include_bytes!("../../../reports/fonts/HilumSans-Bold.otf");

/// A face at a size.
pub(super) struct Face {
    font: FontRef<'static>,
    scale: PxScale,
}

impl Face {
    /// `size_px` from the top of a line to its bottom.
    pub(super) fn regular(size_px: f32) -> Self {
        Self::of(REGULAR, size_px)
    }

    /// As [`Self::regular`], heavier.
    pub(super) fn bold(size_px: f32) -> Self {
        Self::of(BOLD, size_px)
    }

    fn of(bytes: &'static [u8], size_px: f32) -> Self {
        let font = FontRef::try_from_slice(bytes).expect("the faces of this crate are faces");
        Self { font, scale: PxScale::from(size_px) }
    }

    /// Width of a line, pixels.
    pub(super) fn width(&self, text: &str) -> f32 {
        let scaled = self.font.as_scaled(self.scale);
        text.chars().map(|char| scaled.h_advance(self.glyph(char))).sum()
    }

    /// From the top of a line to that of the next, pixels.
    pub(super) fn line_height(&self) -> i32 {
        (self.scale.y * 1.1).ceil() as i32
    }

    /// Draws a line whose top left corner is at `x`, `y`.
    pub(super) fn draw(&self, canvas: &mut Canvas, x: i32, y: i32, colour: Rgb, text: &str) {
        let scaled = self.font.as_scaled(self.scale);
        #[cfg(test)]
        canvas.written.push((
            Rect { x, y, width: self.width(text).ceil() as i32, height: self.line_height() },
            text.to_owned(),
        ));
        let (mut pen, baseline) = (x as f32, y as f32 + scaled.ascent());
        for char in text.chars() {
            let id = self.glyph(char);
            let glyph = id.with_scale_and_position(self.scale, ab_glyph::point(pen, baseline));
            pen += scaled.h_advance(id);
            let Some(outline) = self.font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            let (left, top) = (corner.x as i32, corner.y as i32);
            outline.draw(|x, y, cover| {
                // Hundredths of cover that processors might round apart do not show in 256 steps of a byte.
                let cover = (cover.clamp(0.0, 1.0) * 256.0).round() as u16;
                canvas.blend(left + x as i32, top + y as i32, colour, cover);
            });
        }
    }

    /// Lines of at most `width_px`, broken between words, and within a word that is longer than a line. Nothing is left out.
    pub(super) fn lines(&self, text: &str, width_px: i32) -> Vec<String> {
        let fits = |text: &str| self.width(text) <= width_px as f32;
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            if let Some(line) = lines.last_mut().filter(|line| fits(&format!("{line} {word}"))) {
                line.push(' ');
                line.push_str(word);
                continue;
            }
            lines.push(String::new());
            for char in word.chars() {
                match lines.last_mut() {
                    Some(line) if line.is_empty() || fits(&format!("{line}{char}")) => line.push(char),
                    _ => lines.push(char.to_string()),
                }
            }
        }
        lines
    }

    fn glyph(&self, char: char) -> ab_glyph::GlyphId {
        const LACKING: char = '□';
        let id = self.font.glyph_id(char);
        if id.0 == 0 { self.font.glyph_id(LACKING) } else { id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::canvas::WHITE;

    fn ink(text: &str) -> usize {
        let mut canvas = Canvas::new();
        Face::bold(24.0).draw(&mut canvas, 10, 10, WHITE, text);
        canvas.into_rgb().iter().filter(|value| **value > 128).count()
    }

    #[test]
    fn words_leave_ink_and_lines_are_not_longer_than_they_may_be() {
        assert!(ink("Pneumothorax") > 1000 && ink("폐렴") > 300);
        assert_eq!(ink(" "), 0);
        let face = Face::regular(18.0);
        let text = "one two three four five six seven eight nine ten unbreakable-unbreakable-unbreakable-unbreakable";
        let lines = face.lines(text, 150);
        assert!(lines.len() > 3 && lines.iter().all(|line| face.width(line) <= 150.0), "{lines:?}");
        let letters = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(letters(&lines.concat()), letters(text), "nothing is left out");
        assert_eq!(face.lines("", 150), [""; 0]);
    }

    #[test]
    fn a_character_that_the_face_lacks_is_shown_as_a_box() {
        assert!(ink("\u{10348}") > 50);
        assert_eq!(ink("\u{10348}"), ink("□"));
    }
}
