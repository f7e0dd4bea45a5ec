//! What stands on every sheet: what the report is not, at the top, and which report and page it is, at the foot. A sheet
//! that is parted from the others still says so.

use super::Writer;
use super::colour::{AMBER, AMBER_WASH, Colour, GREY, RED, RED_BAR, RED_WASH, WHITE};
use super::face::Weight;
use super::paint::{Area, Mark};
use super::sheets::{MARGIN, SHEET_HEIGHT, Sheets, WIDTH, leading, set_line};
use super::structure::{Piece, PieceKind, Role};
use super::text::{Line, Run, lines};

const TOP: f32 = 24.0;
const BANNER_SIZE: f32 = 9.0;
const FOOT_SIZE: f32 = 8.0;
/// Inside of a banner, around its text.
const PADDING: f32 = 3.0;
const LINES: usize = 3;

/// A banner at the top of each sheet.
struct Banner {
    lines: Vec<Line>,
    border: (Colour, f32),
    wash: Colour,
}

/// The banners of a report.
pub(super) struct Banners {
    banners: Vec<Banner>,
}

impl Banners {
    pub(super) fn of(writer: &Writer<'_>) -> Self {
        let disclaimer = writer.language.disclaimer(&writer.report.disclaimer);
        let mut banners = Vec::new();
        if writer.report.completeness.as_ref().is_some_and(|completeness| !completeness.complete) {
            let incomplete = format!("{}.", writer.words.incomplete);
            banners.push(banner(writer, &incomplete, WHITE, (RED_BAR, 1.5), RED_BAR));
        }
        banners.push(banner(writer, disclaimer, AMBER, (AMBER, 0.75), AMBER_WASH));
        if writer.report.is_untrained() {
            let untrained = format!("{}.", writer.words.untrained);
            banners.push(banner(writer, &untrained, RED, (RED_BAR, 1.5), RED_WASH));
        }
        Self { banners }
    }

    /// Where what is below them begins.
    pub(super) fn bottom(&self) -> f32 {
        self.banners.iter().fold(TOP, |y, banner| y + banner.height() + 4.0) + 8.0
    }

    /// Puts them onto the first sheet, where they are read aloud.
    pub(super) fn put(&self, sheets: &mut Sheets<'_>) {
        let mut y = TOP;
        for banner in &self.banners {
            sheets.decorate(banner.box_at(y));
            sheets.within(Role::Paragraph, |sheets| sheets.put(banner.text_at(y)));
            y += banner.height() + 4.0;
        }
    }

    fn marks(&self) -> Vec<Mark> {
        let mut y = TOP;
        let mut marks = Vec::new();
        for banner in &self.banners {
            marks.extend(banner.box_at(y));
            marks.extend(banner.text_at(y));
            y += banner.height() + 4.0;
        }
        marks
    }
}

/// Puts the banners onto the sheets after the first, and the foot onto all, now that their number is known.
pub(super) fn complete(writer: &Writer<'_>, banners: &Banners, sheets: &mut Sheets<'_>) {
    let count = sheets.sheets.len();
    let faces = sheets.faces;
    let title = (writer.words.title)(&writer.report.study_name(), writer.report.revision);
    for (index, sheet) in sheets.sheets.iter_mut().enumerate() {
        if index > 0 {
            sheet.push(Piece { kind: PieceKind::Running, marks: banners.marks() });
        }
        let page = (writer.words.page)(index + 1, count);
        let page_width = faces.width(&page, Weight::Regular, FOOT_SIZE);
        let title = faces.fitted(&title, Weight::Regular, FOOT_SIZE, WIDTH - page_width - 20.0);
        let foot = |x: f32, text: String| Mark::Text {
            x,
            baseline: SHEET_HEIGHT - 26.0,
            size: FOOT_SIZE,
            run: Run::coloured(text, GREY),
        };
        let marks = vec![foot(MARGIN, title), foot(MARGIN + WIDTH - page_width, page)];
        sheet.push(Piece { kind: PieceKind::Running, marks });
    }
}

fn banner(writer: &Writer<'_>, text: &str, colour: Colour, border: (Colour, f32), wash: Colour) -> Banner {
    let runs = [Run::bold_coloured(text, colour)];
    Banner { lines: lines(writer.faces, &runs, BANNER_SIZE, WIDTH - 16.0, LINES), border, wash }
}

impl Banner {
    fn height(&self) -> f32 {
        self.lines.len() as f32 * leading(BANNER_SIZE) + 2.0 * PADDING
    }

    fn box_at(&self, y: f32) -> Vec<Mark> {
        let area = Area { x: MARGIN, y, width: WIDTH, height: self.height() };
        let (colour, thickness) = self.border;
        vec![Mark::solid(area, self.wash), Mark::Outlined { area, colour, thickness }]
    }

    fn text_at(&self, y: f32) -> Vec<Mark> {
        let line = |(number, line): (usize, &Line)| {
            set_line(line, MARGIN + 8.0, y + PADDING + number as f32 * leading(BANNER_SIZE), BANNER_SIZE)
        };
        self.lines.iter().enumerate().flat_map(line).collect()
    }
}
