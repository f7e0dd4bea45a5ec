//! What follows the images: those that are only listed, how to read it all, and what the report was made of.

use super::Writer;
use super::colour::{GREY, RED};
use super::sheets::{Setting, Sheets, WIDTH};
use super::structure::Role;
use super::table::{Cell, Column, Table};
use super::text::Run;
use crate::document::{ImageEntry, ModelEntry};

/// Events listed; all are in the document.
const EVENTS: usize = 60;

/// The images that are not shown in full.
pub(super) fn further(writer: &Writer<'_>, sheets: &mut Sheets<'_>, further: &[ImageEntry]) {
    let words = writer.words;
    if further.is_empty() {
        return;
    }
    sheets.heading(2, &[Run::bold(words.further_images)]);
    sheets.paragraph(&[Run::plain(words.only_in_json)], Setting::BODY);
    let columns = vec![
        Column::left(words.image_column, 45.0),
        Column::left(words.job, 196.0),
        Column::left(words.outcome, WIDTH - 241.0),
    ];
    let row = |(number, image): (usize, &ImageEntry)| {
        let outcome = writer.language.brief_outcome(image);
        vec![Cell::text(number.to_string()), Cell::text(image.job_id.to_string()), Cell::text(outcome)]
    };
    let rows = (super::CARDS + 1..).zip(further).map(row).collect();
    Table { columns, size: Setting::SMALL.size }.draw(sheets, rows);
}

pub(super) fn how_to_read(writer: &Writer<'_>, sheets: &mut Sheets<'_>) {
    let words = writer.words;
    let mut items = vec![
        vec![
            Run::bold(words.score),
            Run::plain(words.score_means),
            Run::bold(words.probability),
            Run::plain(words.probability_means),
        ],
        vec![Run::bold(words.activation_map), Run::plain(words.map_means)],
        vec![Run::bold(words.hatched), Run::plain(words.hatched_means)],
    ];
    if writer.report.is_untrained() {
        let notice = Run::bold_coloured(format!("{}. ", words.untrained), RED);
        items.insert(0, vec![notice, Run::plain(words.untrained_means)]);
    }
    sheets.keep_together(|sheets| {
        sheets.heading(2, &[Run::bold(words.how_to_read)]);
        sheets.within(Role::List, |sheets| {
            for item in &items {
                let runs: Vec<Run> = std::iter::once(Run::plain("• ")).chain(item.iter().cloned()).collect();
                sheets.within(Role::Item, |sheets| sheets.flow(&runs, Setting::BODY));
            }
        });
    });
}

pub(super) fn models(writer: &Writer<'_>, sheets: &mut Sheets<'_>) {
    for model in &writer.report.models {
        sheets.keep_together(|sheets| {
            sheets.heading(2, &[Run::bold(writer.words.model)]);
            Table::facts(110.0, Setting::BODY.size).draw(sheets, facts(writer, model));
        });
    }
}

fn facts(writer: &Writer<'_>, model: &ModelEntry) -> Vec<Vec<Cell>> {
    let words = writer.words;
    let fact = |name: &str, is: Run| vec![Cell::Text(vec![Run::coloured(name, GREY)]), Cell::Text(vec![is])];
    let mut facts = Vec::new();
    if let Some(notice) = &model.notice {
        facts.push(fact(words.notice, Run::bold_coloured(writer.language.model_notice(notice), RED)));
    }
    facts.push(fact(words.name, Run::plain(model.identity.name.as_str())));
    facts.push(fact(words.version, Run::plain(model.identity.version.as_str())));
    facts.push(fact(words.weights, Run::plain(model.identity.weights_sha256.to_string())));
    facts.push(fact(words.preprocessing, Run::plain(model.identity.preprocessing_id.as_str())));
    for engine in &model.engines {
        let ran = format!("{} {}, {}, {}", engine.engine, engine.version, engine.precision, engine.device);
        facts.push(fact(words.engine, Run::plain(ran)));
    }
    facts
}

pub(super) fn provenance(writer: &Writer<'_>, sheets: &mut Sheets<'_>) {
    let words = writer.words;
    let provenance = &writer.report.provenance;
    let shown = provenance.events.len().min(EVENTS);
    sheets.heading(2, &[Run::bold(words.provenance)]);
    let [before, between, after] = (words.made_of)(provenance.events.len());
    let cause = provenance.cause_event_id;
    let sentence = format!("{before}{cause}{between}{}{after}", writer.json_sha256);
    sheets.paragraph(&[Run::plain(sentence)], Setting::BODY);
    let columns = vec![
        Column::left(words.position, 62.0),
        Column::left(words.event, 128.0),
        Column::left(words.recorded, 126.0),
        Column::left(words.id, WIDTH - 316.0),
    ];
    let rows = provenance.events[..shown].iter().map(|event| {
        let position = event.stream_seq.to_string();
        let [name, at, id] =
            [event.name.clone(), writer.report.short_local_time(event.stored_at), event.event_id.to_string()];
        vec![Cell::text(position), Cell::text(name), Cell::text(at), Cell::text(id)]
    });
    Table { columns, size: Setting::SMALL.size }.draw(sheets, rows.collect());
    let further = provenance.events.len() - shown;
    if further > 0 {
        sheets.paragraph(&[Run::plain((words.further_events)(further))], Setting::BODY);
    }
}
