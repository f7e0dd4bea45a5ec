//! One image of the report: its picture, what the model said or why it said nothing.

use super::colour::{
    AMBER, AMBER_WASH, BLUE_BAR, BLUE_WASH, GREEN, GREY, RED, RED_BAR, RED_WASH, RULE, WHITE,
};
use super::sheets::{Setting, Sheets};
use super::structure::Role;
use super::text::Run;
use super::{Writer, figures, findings};
use crate::document::{ImageEntry, ImageStatus};
use crate::picture_or_reason::{PictureOrReason, picture_or_reason};
use crate::words::Sentence;

pub(super) fn card(writer: &Writer<'_>, sheets: &mut Sheets<'_>, number: usize, image: &ImageEntry) {
    sheets.within(Role::Section, |sheets| {
        sheets.keep_together(|sheets| {
            heading(writer, sheets, number, image);
            said_of(writer, sheets, image);
            picture(writer, sheets, number, image);
        });
        if let Some(reading) = &image.reading {
            sheets.keep_together(|sheets| findings::findings(writer, sheets, reading));
        }
        sheets.keep_together(|sheets| identity(writer, sheets, image));
    });
}

fn heading(writer: &Writer<'_>, sheets: &mut Sheets<'_>, number: usize, image: &ImageEntry) {
    let outcome = (writer.words.outcome_of)(image.status);
    let outcome = match image.status {
        ImageStatus::Completed => Run::coloured(outcome, GREEN),
        ImageStatus::Failed | ImageStatus::Pending => Run::bold_coloured(outcome, RED),
    };
    sheets.heading(2, &[Run::bold((writer.words.image)(number)), Run::plain("  "), outcome]);
}

/// That it is shared, that it failed, and what to bear in mind.
fn said_of(writer: &Writer<'_>, sheets: &mut Sheets<'_>, image: &ImageEntry) {
    let words = writer.words;
    if let Some(primary) = image.duplicate_of {
        let [before, after] = words.shared_with;
        let runs = [Run::plain(format!("{before}{primary}{after}"))];
        sheets.paragraph(&runs, Setting::with_bar(BLUE_BAR, BLUE_WASH));
    }
    match image.status {
        ImageStatus::Completed => {}
        ImageStatus::Failed => failure(writer, sheets, image),
        ImageStatus::Pending => {
            sheets.paragraph(&[Run::plain(words.pending_means)], Setting::with_bar(RED_BAR, RED_WASH));
        }
    }
    for notice in image.reading.iter().flat_map(|reading| &reading.notices) {
        let told = writer.language.notice(notice);
        let runs = [Run::bold(words.please_note), Run::plain(format!("{}.", told.text))];
        let setting = Setting::with_bar(AMBER, AMBER_WASH);
        sheets.paragraph(&runs, setting);
        original(writer, sheets, &told, setting);
    }
}

fn failure(writer: &Writer<'_>, sheets: &mut Sheets<'_>, image: &ImageEntry) {
    let words = writer.words;
    let setting = Setting::with_bar(RED_BAR, RED_WASH);
    let told = writer.language.reason(image);
    let mut runs = vec![Run::bold(words.no_reading), Run::plain(told.text.clone())];
    if let Some(code) = &image.reason_code {
        runs.push(Run::coloured(format!(" ({code})"), GREY));
    }
    sheets.paragraph(&runs, setting);
    let below = Setting { before: 0.0, ..setting };
    original(writer, sheets, &told, below);
    if let Some(what_to_do) = &image.what_to_do {
        let told = writer.language.what_to_do(what_to_do);
        sheets.paragraph(&[Run::bold(words.what_to_do), Run::plain(told.text.clone())], below);
        original(writer, sheets, &told, below);
    }
}

/// What the document itself says, below its translation.
fn original(writer: &Writer<'_>, sheets: &mut Sheets<'_>, told: &Sentence, setting: Setting) {
    if let Some(original) = &told.original {
        let runs = [Run::coloured(format!("{}{original}", writer.words.original), GREY)];
        sheets.paragraph(&runs, Setting { size: Setting::SMALL.size, before: 0.0, ..setting });
    }
}

fn picture(writer: &Writer<'_>, sheets: &mut Sheets<'_>, number: usize, image: &ImageEntry) {
    let setting = Setting::with_bar(RULE, WHITE);
    let told = match picture_or_reason(image, &writer.choice, writer.pictures, writer.language) {
        PictureOrReason::Shown { sha256, .. } => match writer.decoded.get(sha256) {
            Some(picture) => return figures::figures(writer, sheets, (number, image), picture),
            None => Sentence { text: writer.words.not_a_picture.to_owned(), original: None },
        },
        PictureOrReason::Missing(told) => told,
    };
    sheets.paragraph(&[Run::plain(format!("{}{}.", writer.words.no_preview, told.text))], setting);
    original(writer, sheets, &told, setting);
}

/// Names and what they are, several to a line: an image shall fit on its sheet.
fn identity(writer: &Writer<'_>, sheets: &mut Sheets<'_>, image: &ImageEntry) {
    let words = writer.words;
    let size = (words.bytes)(image.size_bytes);
    let mut first = vec![
        (words.received, writer.report.local_time(image.received_at)),
        (words.file_type, format!("{}, {size}", image.media_type.as_mime())),
    ];
    let mut ids = vec![(words.job, image.job_id.to_string())];
    let mut lines = Vec::new();
    if let Some(reading) = &image.reading {
        first.push((words.model, format!("{} {}", reading.model.name, reading.model.version)));
    }
    ids.extend(image.reading_id.map(|reading_id| (words.reading, reading_id.to_string())));
    if let Some(source) = image.reading.as_ref().and_then(|reading| reading.reused_from) {
        let [before, after] = words.same_pixels;
        lines.push(vec![(words.taken_from, format!("{before}{source}{after}"))]);
    }
    lines.push(vec![("SHA-256", image.sha256.to_string())]);
    if let Some(dicom) = &image.dicom {
        first.extend(dicom.modality.iter().map(|modality| (words.modality, modality.clone())));
        lines.push(vec![
            (words.sop_instance, dicom.sop_instance_uid.clone()),
            (words.series, dicom.series_instance_uid.clone()),
        ]);
    }
    sheets.y += 5.0;
    for line in [vec![first, ids], lines].concat() {
        let runs: Vec<Run> = line.into_iter().flat_map(|(name, is)| fact(name, &is)).collect();
        sheets.paragraph(&runs, Setting { before: 0.0, ..Setting::SMALL });
    }
}

fn fact(name: &str, is: &str) -> [Run; 2] {
    [Run::coloured(format!("{name}  "), GREY), Run::plain(format!("{is}     "))]
}
