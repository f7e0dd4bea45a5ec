//! The first thing on the first sheet: which study, how things stand, and what changed.

use super::Writer;
use super::colour::{GREY, ORANGE, ORANGE_WASH, RED, RED_BAR, RED_WASH};
use super::sheets::{Setting, Sheets};
use super::structure::Role;
use super::table::{Cell, Table};
use super::text::Run;

pub(super) fn head(writer: &Writer<'_>, sheets: &mut Sheets<'_>) {
    let Writer { report, words, .. } = writer;
    sheets.paragraph(&[Run::coloured(words.kicker, GREY)], Setting::BODY);
    let title = [
        Run::bold(format!("{} {}  ", words.study, report.study_name())),
        Run::coloured((words.revision)(report.revision), GREY),
    ];
    sheets.heading(1, &title);
    doubts(writer, sheets);
    missing(writer, sheets);
    flags(writer, sheets);
    let fact = |name: &str, is: String| vec![Cell::Text(vec![Run::coloured(name, GREY)]), Cell::text(is)];
    let mut facts = vec![
        fact(words.status, (words.counts)(report.summary)),
        fact(words.as_of, report.local_time(report.as_of)),
        fact(words.site, report.site.to_string()),
        fact(words.issued_because, (words.cause)(report.cause).to_owned()),
        fact(words.study_id, report.study_id.to_string()),
    ];
    if report.completeness.as_ref().is_some_and(|completeness| completeness.complete) {
        facts.insert(1, fact(words.completeness, words.complete.to_owned()));
    }
    Table::facts(110.0, Setting::BODY.size).draw(sheets, facts);
    changes(writer, sheets);
}

/// The doubts about whose the images are.
fn doubts(writer: &Writer<'_>, sheets: &mut Sheets<'_>) {
    let Writer { report, words, language, .. } = writer;
    if report.doubts.is_empty() {
        return;
    }
    sheets.heading(2, &[Run::bold_coloured(words.doubts, RED)]);
    let setting = Setting { before: 0.0, ..Setting::with_bar(RED_BAR, RED_WASH) };
    sheets.within(Role::List, |sheets| {
        for doubt in &report.doubts {
            let told = language.doubt(report, doubt);
            let original = told.original.map(|original| Run::plain(format!(" ({original})")));
            let runs: Vec<_> =
                [Run::bold_coloured("• ", RED), Run::bold(told.text)].into_iter().chain(original).collect();
            sheets.within(Role::Item, |sheets| sheets.flow(&runs, setting));
        }
    });
}

/// What the report lacks, below the banner that says that it does.
fn missing(writer: &Writer<'_>, sheets: &mut Sheets<'_>) {
    let Some(completeness) = &writer.report.completeness else { return };
    let setting = Setting::with_bar(RED_BAR, RED_WASH);
    sheets.within(Role::List, |sheets| {
        for missing in &completeness.missing {
            let runs =
                [Run::bold_coloured("• ", RED), Run::bold(writer.language.missing(writer.report, missing))];
            sheets.within(Role::Item, |sheets| sheets.flow(&runs, Setting { before: 0.0, ..setting }));
        }
    });
}

fn flags(writer: &Writer<'_>, sheets: &mut Sheets<'_>) {
    let Writer { report, words, language, .. } = writer;
    if report.flags.is_empty() {
        return;
    }
    sheets.heading(2, &[Run::bold_coloured(words.flagged, ORANGE)]);
    let setting = Setting { before: 0.0, ..Setting::with_bar(ORANGE, ORANGE_WASH) };
    sheets.within(Role::List, |sheets| {
        for flag in &report.flags {
            let label = Run::bold(language.label(&flag.label));
            let runs = [Run::plain("• "), label, Run::plain(language.flag(report, flag))];
            sheets.within(Role::Item, |sheets| sheets.flow(&runs, setting));
        }
    });
}

fn changes(writer: &Writer<'_>, sheets: &mut Sheets<'_>) {
    let Writer { report, words, .. } = writer;
    let Some(previous) = report.provenance.previous_revision.filter(|_| !report.changes.is_empty()) else {
        return;
    };
    sheets.heading(2, &[Run::bold((words.changes_since)(previous))]);
    sheets.within(Role::List, |sheets| {
        for change in &report.changes {
            let image = (words.image)(report.number_of(change.job_id).unwrap_or_default());
            let runs = [Run::plain("• "), Run::plain(image), Run::plain((words.change)(change.change))];
            sheets.within(Role::Item, |sheets| sheets.flow(&runs, Setting::BODY));
        }
    });
}
