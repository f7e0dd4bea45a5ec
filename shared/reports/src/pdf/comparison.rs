//! The numbers beside those of an earlier study.

use super::Writer;
use super::colour::{GREY, RED};
use super::sheets::{Setting, Sheets};
use super::table::{Cell, Column, Table};
use super::text::Run;
use crate::document::{ComparedFinding, Comparison};

pub(super) fn comparison(writer: &Writer<'_>, sheets: &mut Sheets<'_>) {
    let Some(comparison) = &writer.report.comparison else { return };
    sheets.keep_together(|sheets| filled(writer, sheets, comparison));
}

fn filled(writer: &Writer<'_>, sheets: &mut Sheets<'_>, comparison: &Comparison) {
    let words = writer.words;
    sheets.heading(2, &[Run::bold(words.comparison)]);
    let with = (words.compared_with)(
        &comparison.study_name(),
        comparison.revision,
        &writer.report.local_time(comparison.as_of),
    );
    sheets.paragraph(&[Run::plain(with)], Setting::BODY);
    if !comparison.same_model {
        return sheets.paragraph(&[Run::plain(words.other_model)], Setting::BODY);
    }
    if comparison.findings.is_empty() {
        return sheets.paragraph(&[Run::plain(words.nothing_in_both)], Setting::BODY);
    }
    if writer.report.is_untrained() {
        sheets.paragraph(&[Run::bold_coloured(format!("{}.", words.untrained), RED)], Setting::BODY);
    }
    let columns = vec![
        Column::left(words.finding, 206.0),
        Column::right(words.earlier_score, 64.0),
        Column::right(words.current_score, 50.0),
        Column::right(words.score_change, 45.0),
        Column::right(words.earlier_probability, 82.0),
        Column::right(words.current_probability, 64.0),
    ];
    let rows = comparison.findings.iter().map(|finding| row(writer, finding)).collect();
    Table { columns, size: Setting::TABLE.size }.draw(sheets, rows);
}

fn row(writer: &Writer<'_>, finding: &ComparedFinding) -> Vec<Cell> {
    let score = |score: Option<f32>| match score {
        Some(score) => Cell::text(format!("{score:.2}")),
        None => Cell::Text(vec![Run::coloured(writer.words.none, GREY)]),
    };
    let small = |probability: f32| Cell::Text(vec![Run::coloured(format!("{probability:.4}"), GREY)]);
    vec![
        Cell::text(writer.language.label(&finding.label)),
        score(finding.earlier_score),
        score(finding.score),
        Cell::text(finding.score_change().map(|change| format!("{change:+.2}")).unwrap_or_default()),
        small(finding.earlier_probability),
        small(finding.probability),
    ]
}
