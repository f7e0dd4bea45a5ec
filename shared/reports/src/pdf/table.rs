//! Tables: columns of fixed width, cells of text or bars. The head is repeated on every sheet that the table goes on to.

use super::colour::{Colour, GREY, HAIRLINE, INK, RULE};
use super::paint::{Area, Mark};
use super::sheets::{MARGIN, Sheets, WIDTH, leading, set_line};
use super::structure::Role;
use super::text::{Line, Run, lines};

/// Space between columns, points.
const GUTTER: f32 = 8.0;
/// Space above and below the text of a row, points.
const PADDING: f32 = 1.4;
/// The most lines of a cell; a longer text ends in ….
const LINES: usize = 12;
const TRACK: Colour = Colour([0xec, 0xef, 0xf2]);

/// The side on which the text of a column lines up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// A column.
pub(super) struct Column {
    /// Its head; empty in a table without heads.
    pub(super) title: String,
    /// Width with the space to the next column, points.
    pub(super) width: f32,
    pub(super) side: Side,
}

impl Column {
    pub(super) fn left(title: impl Into<String>, width: f32) -> Self {
        Self { title: title.into(), width, side: Side::Left }
    }

    pub(super) fn right(title: impl Into<String>, width: f32) -> Self {
        Self { title: title.into(), width, side: Side::Right }
    }
}

/// A cell.
pub(super) enum Cell {
    Text(Vec<Run>),
    /// A bar from 0 to 1 with a tick at 0.5; only the empty track when there is no value. What it shows stands as a
    /// number in another cell.
    Bar {
        value: Option<f32>,
        colour: Colour,
    },
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(vec![Run::plain(text)])
    }
}

/// A table; the first cell of each row is the row's head.
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) size: f32,
}

/// A cell whose text is broken into lines.
enum Set {
    Text(Vec<Line>),
    Bar { value: Option<f32>, colour: Colour },
}

impl Table {
    /// A table of names and their values: no heads, the names in grey.
    pub(super) fn facts(name_width: f32, size: f32) -> Self {
        Self { columns: vec![Column::left("", name_width), Column::left("", WIDTH - name_width)], size }
    }

    pub(super) fn draw(&self, sheets: &mut Sheets<'_>, rows: Vec<Vec<Cell>>) {
        sheets.y += 3.0;
        sheets.within(Role::Table, |sheets| {
            if self.has_head() {
                let cells = self.set(sheets, self.titles());
                sheets.need(3.0 * self.height(&cells));
                self.row(sheets, &cells, Role::ColumnHead);
            }
            for row in rows {
                let cells = self.set(sheets, row);
                self.go_on(sheets, self.height(&cells));
                self.row(sheets, &cells, Role::RowHead);
            }
        });
    }

    fn has_head(&self) -> bool {
        self.columns.iter().any(|column| !column.title.is_empty())
    }

    fn titles(&self) -> Vec<Cell> {
        let title = |column: &Column| Cell::Text(vec![Run::bold_coloured(column.title.clone(), GREY)]);
        self.columns.iter().map(title).collect()
    }

    fn set(&self, sheets: &Sheets<'_>, row: Vec<Cell>) -> Vec<Set> {
        let set = |(column, cell): (&Column, Cell)| match cell {
            Cell::Text(runs) => {
                Set::Text(lines(sheets.faces, &runs, self.size, column.width - GUTTER, LINES))
            }
            Cell::Bar { value, colour } => Set::Bar { value, colour },
        };
        self.columns.iter().zip(row).map(set).collect()
    }

    fn height(&self, cells: &[Set]) -> f32 {
        let lines = |cell: &Set| match cell {
            Set::Text(lines) => lines.len(),
            Set::Bar { .. } => 1,
        };
        let most = cells.iter().map(lines).max().unwrap_or(1);
        most as f32 * leading(self.size) + 2.0 * PADDING
    }

    /// Goes on to another sheet where the row doesn't fit. The head is repeated there, but not read aloud again.
    fn go_on(&self, sheets: &mut Sheets<'_>, height: f32) {
        let before = sheets.sheets.len();
        sheets.need(height);
        if sheets.sheets.len() > before && self.has_head() {
            let cells = self.set(sheets, self.titles());
            let marks = self.columns_of(sheets, &cells).into_iter().flatten().collect();
            sheets.decorate(marks);
            self.rule(sheets, &cells, RULE);
        }
    }

    fn row(&self, sheets: &mut Sheets<'_>, cells: &[Set], head: Role) {
        let marks = self.columns_of(sheets, cells);
        sheets.within(Role::Row, |sheets| {
            for (index, marks) in marks.into_iter().enumerate() {
                let role = if index == 0 || head == Role::ColumnHead { head.clone() } else { Role::Cell };
                // A bar too: a cell that holds nothing would be left out, and the others would slip under its head.
                sheets.within(role, |sheets| sheets.put(marks));
            }
        });
        let colour = if head == Role::ColumnHead { RULE } else { HAIRLINE };
        self.rule(sheets, cells, colour);
    }

    /// Ends the row with a line.
    fn rule(&self, sheets: &mut Sheets<'_>, cells: &[Set], colour: Colour) {
        sheets.y += self.height(cells);
        let width = self.columns.iter().map(|column| column.width).sum::<f32>().min(WIDTH);
        let area = Area { x: MARGIN, y: sheets.y - 0.25, width, height: 0.5 };
        sheets.decorate(vec![Mark::solid(area, colour)]);
    }

    fn columns_of(&self, sheets: &Sheets<'_>, cells: &[Set]) -> Vec<Vec<Mark>> {
        let y = sheets.y + PADDING;
        let mut x = MARGIN;
        let marks = self.columns.iter().zip(cells).map(|(column, cell)| {
            let width = column.width - GUTTER;
            let marks = match cell {
                Set::Text(lines) => self.text(lines, column.side, (x, y, width)),
                Set::Bar { value, colour } => self.bar(*value, *colour, (x, y, width)),
            };
            x += column.width;
            marks
        });
        marks.collect()
    }

    fn text(&self, lines: &[Line], side: Side, (x, y, width): (f32, f32, f32)) -> Vec<Mark> {
        let line = |(number, line): (usize, &Line)| {
            let x = if side == Side::Right { x + width - line.width } else { x };
            set_line(line, x, y + number as f32 * leading(self.size), self.size)
        };
        lines.iter().enumerate().flat_map(line).collect()
    }

    fn bar(&self, value: Option<f32>, colour: Colour, (x, y, width): (f32, f32, f32)) -> Vec<Mark> {
        let track = Area { x, y: y + 1.2, width, height: leading(self.size) - 2.4 };
        let mut marks = vec![Mark::solid(track, TRACK)];
        if let Some(value) = value.filter(|value| value.is_finite()) {
            let value = Area {
                y: track.y + 1.4,
                height: track.height - 2.8,
                width: width * value.clamp(0.0, 1.0),
                ..track
            };
            marks.push(Mark::solid(value, colour));
            let tick =
                Area { x: x + width / 2.0 - 0.4, y: track.y - 0.6, width: 0.8, height: track.height + 1.2 };
            marks.push(Mark::solid(tick, INK));
        }
        marks
    }
}
