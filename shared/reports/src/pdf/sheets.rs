//! The sheets of a report as they fill up: what stands where, and the structure that a screen reader follows. Text and
//! tables flow from sheet to sheet. Pure layout: nothing here is a PDF yet.

use super::colour::Colour;
use super::face::Faces;
use super::paint::{Area, Mark};
use super::structure::{Child, Entry, Node, Piece, PieceKind, Role};
use super::text::{Line, Run, lines, text_of};

/// A4, points.
pub(super) const SHEET_WIDTH: f32 = 595.28;
pub(super) const SHEET_HEIGHT: f32 = 841.89;
/// Left and right of everything.
pub(super) const MARGIN: f32 = 42.0;
/// What is left between the margins.
pub(super) const WIDTH: f32 = SHEET_WIDTH - 2.0 * MARGIN;
/// Where what flows ends; the foot of the sheet is below.
pub(super) const BOTTOM: f32 = SHEET_HEIGHT - 46.0;
/// Between baselines, in parts of the size.
const LEADING: f32 = 1.36;
/// From the top of a line to its baseline, in parts of the size: the letters stand in the middle of the line.
const ASCENT: f32 = 1.03;
/// Lines of one paragraph or cell; a longer one ends in ….
const LINES: usize = 60;

/// How a paragraph is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) size: f32,
    pub(super) before: f32,
    /// A coloured bar at its left and the wash behind it.
    pub(super) bar: Option<(Colour, Colour)>,
}

impl Setting {
    pub(super) const BODY: Self = Self { size: 9.5, before: 3.0, bar: None };
    pub(super) const TABLE: Self = Self { size: 8.5, before: 3.0, bar: None };
    pub(super) const SMALL: Self = Self { size: 8.0, before: 3.0, bar: None };

    pub(super) fn with_bar(bar: Colour, wash: Colour) -> Self {
        Self { bar: Some((bar, wash)), ..Self::BODY }
    }
}

/// The height of a line.
pub(super) fn leading(size: f32) -> f32 {
    size * LEADING
}

/// Sheets that are being filled.
pub(super) struct Sheets<'a> {
    pub(super) faces: &'a Faces,
    pub(super) sheets: Vec<Vec<Piece>>,
    pub(super) nodes: Vec<Node>,
    pub(super) outline: Vec<Entry>,
    /// The node that is being filled, and those around it.
    open: Vec<usize>,
    /// Where the next thing goes.
    pub(super) y: f32,
    /// Where what flows begins on each sheet.
    top: f32,
}

impl<'a> Sheets<'a> {
    pub(super) fn new(faces: &'a Faces, top: f32) -> Self {
        let root = Node { role: Role::Section, children: Vec::new() };
        Self {
            faces,
            sheets: vec![Vec::new()],
            nodes: vec![root],
            outline: Vec::new(),
            open: vec![0],
            y: top,
            top,
        }
    }

    /// What `fill` puts belongs to a new part of this role.
    pub(super) fn within(&mut self, role: Role, fill: impl FnOnce(&mut Self)) {
        let node = self.nodes.len();
        self.nodes.push(Node { role, children: Vec::new() });
        self.add(Child::Node(node));
        self.open.push(node);
        fill(self);
        self.open.pop();
    }

    /// Puts what says something onto the sheet.
    pub(super) fn put(&mut self, marks: Vec<Mark>) {
        let child = Child::Piece { sheet: self.sheets.len() - 1, piece: self.sheet().len() };
        self.add(child);
        self.sheet().push(Piece { kind: PieceKind::Content, marks });
    }

    /// Puts what is only for the eye onto the sheet.
    pub(super) fn decorate(&mut self, marks: Vec<Mark>) {
        self.sheet().push(Piece { kind: PieceKind::Decoration, marks });
    }

    /// Goes on to another sheet when less than `height` is left of this one.
    pub(super) fn need(&mut self, height: f32) {
        if self.y + height > BOTTOM && self.y > self.top {
            self.sheets.push(Vec::new());
            self.y = self.top;
        }
    }

    /// Puts what `fill` puts onto one sheet, if a sheet can hold it.
    pub(super) fn keep_together(&mut self, fill: impl Fn(&mut Self)) {
        let before = self.mark();
        let starts_at_top = self.y <= self.top;
        fill(self);
        if self.sheets.len() > before.sheets && !starts_at_top {
            self.go_back_to(&before);
            self.need(f32::INFINITY);
            fill(self);
        }
    }

    /// A heading, which also gets a line in the outline when it is of level 2.
    pub(super) fn heading(&mut self, level: u16, runs: &[Run]) {
        let (size, before) = match level {
            1 => (18.0, 0.0),
            2 => (12.5, 12.0),
            _ => (10.0, 8.0),
        };
        // A heading at the foot of a sheet belongs to nothing.
        self.need(before + leading(size) + 40.0);
        if level <= 2 {
            self.outline.push(Entry { text: text_of(runs), sheet: self.sheets.len() - 1, y: self.y });
        }
        self.within(Role::Heading(level, text_of(runs)), |sheets| {
            sheets.flow(runs, Setting { size, before, bar: None });
        });
    }

    pub(super) fn paragraph(&mut self, runs: &[Run], setting: Setting) {
        self.within(Role::Paragraph, |sheets| sheets.flow(runs, setting));
    }

    /// Sets lines from sheet to sheet, in the part that is open.
    pub(super) fn flow(&mut self, runs: &[Run], setting: Setting) {
        let Setting { size, before, bar } = setting;
        let inset = if bar.is_some() { 8.0 } else { 0.0 };
        let lines = lines(self.faces, runs, size, WIDTH - inset, LINES);
        self.need(before + leading(size));
        if self.y > self.top {
            self.y += before;
        }
        for line in &lines {
            self.need(leading(size));
            if let Some((bar, wash)) = bar {
                let area = Area { x: MARGIN, y: self.y, width: WIDTH, height: leading(size) };
                let marks = vec![Mark::solid(area, wash), Mark::solid(Area { width: 2.5, ..area }, bar)];
                self.decorate(marks);
            }
            let marks = set_line(line, MARGIN + inset, self.y, size);
            self.put(marks);
            self.y += leading(size);
        }
    }

    fn sheet(&mut self) -> &mut Vec<Piece> {
        self.sheets.last_mut().expect("there is a sheet from the start, and none is taken away")
    }

    fn add(&mut self, child: Child) {
        let open = self.open.last().copied().unwrap_or(0);
        self.nodes[open].children.push(child);
    }
}

/// How full sheets were.
struct Before {
    sheets: usize,
    pieces: usize,
    nodes: usize,
    children: usize,
    entries: usize,
    y: f32,
}

impl Sheets<'_> {
    fn mark(&mut self) -> Before {
        let open = self.open.last().copied().unwrap_or(0);
        Before {
            sheets: self.sheets.len(),
            pieces: self.sheet().len(),
            nodes: self.nodes.len(),
            children: self.nodes[open].children.len(),
            entries: self.outline.len(),
            y: self.y,
        }
    }

    fn go_back_to(&mut self, before: &Before) {
        let open = self.open.last().copied().unwrap_or(0);
        self.sheets.truncate(before.sheets);
        self.sheet().truncate(before.pieces);
        self.nodes.truncate(before.nodes);
        self.nodes[open].children.truncate(before.children);
        self.outline.truncate(before.entries);
        self.y = before.y;
    }
}

/// Lines of `runs` at a fixed place, and the height they take.
pub(super) fn set_block(
    faces: &Faces,
    runs: &[Run],
    size: f32,
    (x, y, width): (f32, f32, f32),
) -> (Vec<Mark>, f32) {
    let lines = lines(faces, runs, size, width, LINES);
    let set = (0..)
        .zip(&lines)
        .flat_map(|(number, line)| set_line(line, x, y + number as f32 * leading(size), size));
    (set.collect(), lines.len() as f32 * leading(size))
}

/// The line with its top at `y`.
pub(super) fn set_line(line: &Line, x: f32, y: f32, size: f32) -> Vec<Mark> {
    let text = |(distance, run): &(f32, Run)| Mark::Text {
        x: x + distance,
        baseline: y + size * ASCENT,
        size,
        run: run.clone(),
    };
    line.runs.iter().map(text).collect()
}
