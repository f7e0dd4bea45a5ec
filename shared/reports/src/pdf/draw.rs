//! Filled sheets as a PDF: marks become drawing, the structure becomes tags. The only file that speaks to krilla about
//! documents. What it makes follows from what it is given: there is no clock and no chance in it.

use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, Configuration, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{Path, PathBuilder, Point, Rect, Size, Transform};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule, Stroke};
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ArtifactType, ContentTag, Identifier};
use krilla::{Document, SerializeSettings};

use super::colour::Colour;
use super::error::PdfError;
use super::face::Faces;
use super::paint::{Area, Mark};
use super::sheets::{MARGIN, SHEET_HEIGHT, SHEET_WIDTH, Sheets};
use super::structure::{Entry, PieceKind};
use super::tags;
use super::text::Run;

const HATCH_STEP: f32 = 5.0;
const HATCH_COLOUR: Colour = Colour([0x33, 0x33, 0x33]);

/// Writes the sheets.
pub(super) fn write(sheets: &Sheets<'_>, metadata: Metadata, language: &str) -> Result<Vec<u8>, PdfError> {
    let settings = SerializeSettings { configuration: configuration(), ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let mut identifiers = Vec::with_capacity(sheets.sheets.len());
    for sheet in &sheets.sheets {
        let mut page = document.start_page_with(a4());
        let mut surface = page.surface();
        let mut of_sheet: Vec<Option<Identifier>> = Vec::with_capacity(sheet.len());
        for piece in sheet {
            let (tag, speaks) = match piece.kind {
                PieceKind::Content => (ContentTag::Other, true),
                PieceKind::Decoration => (artifact(ArtifactType::Layout), false),
                PieceKind::Running => (artifact(ArtifactType::PaginationOther), false),
            };
            let identifier = surface.start_tagged(tag);
            for mark in &piece.marks {
                draw(&mut surface, mark, sheets.faces);
            }
            surface.end_tagged();
            of_sheet.push(speaks.then_some(identifier));
        }
        identifiers.push(of_sheet);
    }
    document.set_tag_tree(tags::tree(&sheets.nodes, &identifiers).with_lang(Some(language.to_owned())));
    document.set_outline(outline(&sheets.outline));
    document.set_metadata(metadata);
    document.finish().map_err(PdfError::Write)
}

/// Accessible after PDF/UA-1, and fit for an archive after PDF/A-2a.
fn configuration() -> Configuration {
    ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .expect("both standards allow PDF 1.7")
}

fn a4() -> PageSettings {
    PageSettings::from_wh(SHEET_WIDTH, SHEET_HEIGHT).expect("A4 has a width and a height")
}

fn artifact(kind: ArtifactType) -> ContentTag<'static> {
    ContentTag::Artifact(Artifact::with_kind(kind))
}

fn outline(entries: &[Entry]) -> Outline {
    let mut outline = Outline::new();
    for entry in entries {
        let place = XyzDestination::new(entry.sheet, Point::from_xy(MARGIN, entry.y));
        outline.push_child(OutlineNode::new(entry.text.clone(), place));
    }
    outline
}

fn draw(surface: &mut Surface<'_>, mark: &Mark, faces: &Faces) {
    match mark {
        Mark::Text { x, baseline, size, run } => text(surface, run, (*x, *baseline), *size, faces),
        Mark::UprightText { x, baseline, size, run } => {
            surface.push_transform(&Transform::from_rotate_at(-90.0, *x, *baseline));
            text(surface, run, (*x, *baseline), *size, faces);
            surface.pop();
        }
        Mark::Filled { area, colour, opacity } => {
            surface.set_stroke(None);
            surface.set_fill(Some(fill(*colour, *opacity)));
            if let Some(path) = rectangle(*area) {
                surface.draw_path(&path);
            }
        }
        Mark::Outlined { area, colour, thickness } => {
            surface.set_fill(None);
            surface.set_stroke(Some(stroke(*colour, *thickness)));
            if let Some(path) = rectangle(*area) {
                surface.draw_path(&path);
            }
        }
        Mark::Hatched { area } => hatch(surface, *area),
        Mark::Picture { area, picture } => {
            if let Some(size) = Size::from_wh(area.width, area.height) {
                surface.push_transform(&Transform::from_translate(area.x, area.y));
                surface.draw_image(picture.clone(), size);
                surface.pop();
            }
        }
    }
}

fn text(surface: &mut Surface<'_>, run: &Run, (x, baseline): (f32, f32), size: f32, faces: &Faces) {
    let face = faces.of(run.look.weight);
    surface.set_stroke(None);
    surface.set_fill(Some(fill(run.look.colour, 1.0)));
    surface.draw_glyphs(
        Point::from_xy(x, baseline),
        &face.set(&run.text),
        face.font(),
        &run.text,
        size,
        false,
    );
}

/// Slanting lines over a wash, seen on black as well as on white.
fn hatch(surface: &mut Surface<'_>, area: Area) {
    let Some(border) = rectangle(area) else { return };
    surface.set_stroke(None);
    surface.set_fill(Some(fill(super::colour::WHITE, 0.45)));
    surface.draw_path(&border);
    let mut lines = PathBuilder::new();
    let mut start = HATCH_STEP / 2.0;
    while start < area.width + area.height {
        lines.move_to(area.x + start, area.y);
        lines.line_to(area.x + start - area.height, area.y + area.height);
        start += HATCH_STEP;
    }
    let Some(lines) = lines.finish() else { return };
    surface.push_clip_path(&border, &FillRule::NonZero);
    surface.set_fill(None);
    surface.set_stroke(Some(stroke(HATCH_COLOUR, HATCH_STEP / 4.0)));
    surface.draw_path(&lines);
    surface.pop();
}

fn rectangle(area: Area) -> Option<Path> {
    let mut path = PathBuilder::new();
    path.push_rect(Rect::from_xywh(area.x, area.y, area.width, area.height)?);
    path.finish()
}

fn fill(colour: Colour, opacity: f32) -> Fill {
    let opacity = NormalizedF32::new(opacity).unwrap_or(NormalizedF32::ONE);
    Fill { paint: paint(colour).into(), opacity, rule: FillRule::NonZero }
}

fn stroke(colour: Colour, width: f32) -> Stroke {
    Stroke { paint: paint(colour).into(), width, ..Stroke::default() }
}

fn paint(Colour([red, green, blue]): Colour) -> rgb::Color {
    rgb::Color::new(red, green, blue)
}
