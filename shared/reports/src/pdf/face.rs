//! The two faces that text is set in: which glyph a character has, and how wide it is. Nothing is shaped: Latin and
//! Hangul syllables need no more, and a character that the faces lack is shown as □.

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::charmap::Charmap;
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::{FontRef, MetadataProvider as _};

use super::error::PdfError;

static REGULAR: &[u8] = include_bytes!("../../fonts/HilumSans-Regular.otf");
static BOLD: &[u8] = include_bytes!("../../fonts/HilumSans-Bold.otf");
/// Shown in place of a character that the faces lack.
const SUBSTITUTE: char = '□';
/// What a program that reads aloud or copies gets in place of a character that is no text.
const NO_TEXT: char = '\u{fffd}';

/// How heavy letters are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Weight {
    #[default]
    Regular,
    Bold,
}

/// Both faces.
pub(super) struct Faces {
    regular: Face,
    bold: Face,
}

/// One face.
pub(super) struct Face {
    font: Font,
    glyphs: Charmap<'static>,
    metrics: GlyphMetrics<'static>,
    substitute: skrifa::GlyphId,
}

impl Faces {
    pub(super) fn read() -> Result<Self, PdfError> {
        Ok(Self { regular: Face::read(REGULAR)?, bold: Face::read(BOLD)? })
    }

    pub(super) fn of(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    /// Width of a line of `text` in this size.
    pub(super) fn width(&self, text: &str, weight: Weight, size: f32) -> f32 {
        let face = self.of(weight);
        text.chars().map(|letter| face.advance(letter)).sum::<f32>() * size
    }

    /// `text`, or as much of its beginning as fits and ….
    pub(super) fn fitted(&self, text: &str, weight: Weight, size: f32, width: f32) -> String {
        if self.width(text, weight, size) <= width {
            return text.to_owned();
        }
        let mut cut = String::new();
        let mut left = width - self.width("…", weight, size);
        for letter in text.chars() {
            left -= self.of(weight).advance(letter) * size;
            if left < 0.0 {
                break;
            }
            cut.push(letter);
        }
        cut + "…"
    }
}

impl Face {
    fn read(bytes: &'static [u8]) -> Result<Self, PdfError> {
        let font = Font::new(bytes.into(), 0).ok_or(PdfError::Face)?;
        let face = FontRef::new(bytes).map_err(|_| PdfError::Face)?;
        let glyphs = face.charmap();
        let substitute = glyphs.map(SUBSTITUTE).ok_or(PdfError::Face)?;
        let metrics = face.glyph_metrics(Size::unscaled(), LocationRef::default());
        Ok(Self { font, glyphs, metrics, substitute })
    }

    pub(super) fn font(&self) -> Font {
        self.font.clone()
    }

    /// Whether the face has a glyph for the character.
    #[cfg(test)]
    pub(super) fn has(&self, letter: char) -> bool {
        self.glyphs.map(letter).is_some()
    }

    /// Width of a character in parts of the size.
    pub(super) fn advance(&self, letter: char) -> f32 {
        self.advance_of(self.glyph(letter))
    }

    /// The glyphs of `text`, one for each character.
    pub(super) fn set(&self, text: &str) -> Vec<KrillaGlyph> {
        let glyph = |(start, letter): (usize, char)| {
            let id = self.glyph(letter);
            let range = start..start + letter.len_utf8();
            KrillaGlyph::new(GlyphId::new(id.to_u32()), self.advance_of(id), 0.0, 0.0, 0.0, range, None)
        };
        text.char_indices().map(glyph).collect()
    }

    fn glyph(&self, letter: char) -> skrifa::GlyphId {
        self.glyphs.map(letter).unwrap_or(self.substitute)
    }

    fn advance_of(&self, glyph: skrifa::GlyphId) -> f32 {
        self.metrics.advance_width(glyph).unwrap_or(0.0) / self.font.units_per_em()
    }
}

/// The character as it may stand in a PDF that is read aloud: white space becomes a space, and a character that is no text in
/// any script, such as a control character or a private one, becomes one that says so.
pub(super) fn legible(letter: char) -> char {
    let code = u32::from(letter);
    let is_private = matches!(code, 0xe000..=0xf8ff | 0xf_0000..);
    let is_none = letter.is_control() || letter == '\u{feff}' || code & 0xfffe == 0xfffe;
    if letter.is_whitespace() {
        ' '
    } else if is_private || is_none {
        NO_TEXT
    } else {
        letter
    }
}
