//! The findings of one image as a table with bars.

use hilum_events::Finding;

use super::Writer;
use super::colour::{Colour, GREY, RED};
use super::sheets::{Setting, Sheets};
use super::table::{Cell, Column, Table};
use super::text::Run;
use crate::document::ReadingEntry;

const BELOW: Colour = Colour([0x6f, 0x8a, 0xa6]);
const ABOVE: Colour = Colour([0xb4, 0x50, 0x0b]);
const MEANINGLESS: Colour = Colour([0xb3, 0xb9, 0xc0]);

pub(super) fn findings(writer: &Writer<'_>, sheets: &mut Sheets<'_>, reading: &ReadingEntry) {
    let words = writer.words;
    sheets.heading(3, &[Run::bold(words.findings)]);
    if !reading.trained {
        sheets.paragraph(&[Run::bold_coloured(format!("{}.", words.untrained), RED)], Setting::BODY);
    }
    let columns = vec![
        Column::left(words.finding, 206.0),
        Column::left(format!("{}, {}", words.score, words.tick), 140.0),
        Column::right(words.score, 50.0),
        Column::right(words.probability, 64.0),
        Column::right(words.logit, 51.0),
    ];
    let rows = reading.ranked().into_iter().map(|finding| row(writer, finding, reading.trained)).collect();
    Table { columns, size: Setting::TABLE.size }.draw(sheets, rows);
}

/// Nothing of an untrained network looks like a positive finding.
fn row(writer: &Writer<'_>, finding: &Finding, trained: bool) -> Vec<Cell> {
    let score = finding.operating_point_score;
    let above = trained && score.is_some_and(|score| score >= 0.5);
    let colour = match (trained, above) {
        (false, _) => MEANINGLESS,
        (true, false) => BELOW,
        (true, true) => ABOVE,
    };
    let strong = |text: String| Cell::Text(vec![if above { Run::bold(text) } else { Run::plain(text) }]);
    let score_cell = match score {
        Some(score) if above => {
            Cell::Text(vec![Run::bold_coloured("▲ ", ABOVE), Run::bold(format!("{score:.2}"))])
        }
        Some(score) => Cell::text(format!("{score:.2}")),
        None => Cell::Text(vec![Run::coloured(writer.words.none, GREY)]),
    };
    let small = |text: String| Cell::Text(vec![Run::coloured(text, GREY)]);
    vec![
        strong(writer.language.label(&finding.label)),
        Cell::Bar { value: score, colour },
        score_cell,
        small(format!("{:.4}", finding.probability)),
        small(format!("{:+.2}", finding.logit)),
    ]
}
