//! A report as a PDF for people: A4, tagged for screen readers, made without a browser. It says what the page says. Its
//! bytes follow from the document and the pictures: no clock, no chance, no font or library of the machine.

mod card;
mod colour;
mod comparison;
mod draw;
mod error;
mod face;
mod figures;
mod findings;
mod grey;
mod head;
mod made_of;
mod paint;
mod running;
mod sheets;
mod structure;
mod table;
mod tags;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

use hilum_events::Sha256Digest;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use krilla::image::Image;
use krilla::metadata::{DateTime, Metadata};

use crate::document::Report;
use crate::form::Form;
use crate::pictures::{Choice, Pictures, choose};
use crate::words::{Language, Words};
pub use error::PdfError;
use face::Faces;
use sheets::Sheets;

/// The PDF as a form of the report.
pub const FORM: Form = Form { name: "pdf", media_type: "application/pdf", version: 2 };

/// Images shown in full; further ones get a line each.
const CARDS: usize = 200;
/// Pictures of a report, and the longest side of each, pixels, as on the page: a file stays below some 10 MB.
const SIDES: [(usize, u32); 3] = [(16, 512), (64, 256), (256, 128)];

/// What the parts of the PDF are written from.
struct Writer<'a> {
    report: &'a Report,
    json_sha256: &'a Sha256Digest,
    language: Language,
    words: &'static Words,
    faces: &'a Faces,
    choice: Choice,
    pictures: &'a Pictures,
    /// The pictures that could be decoded.
    decoded: BTreeMap<Sha256Digest, Image>,
}

/// The pictures that [`render`] wants of those that the document names.
pub fn choice(report: &Report) -> Choice {
    choose(report, CARDS, &SIDES)
}

/// Makes the PDF of the document whose bytes have the hash `json_sha256`, with the pictures of [`choice`].
///
/// # Errors
/// Only when this release is at fault: no document and no picture makes it fail.
pub fn render(
    report: &Report,
    pictures: &Pictures,
    json_sha256: &Sha256Digest,
    language: Language,
) -> Result<Vec<u8>, PdfError> {
    let faces = Faces::read()?;
    let decoded = grey::decoded(pictures);
    let words = language.words();
    let choice = choice(report);
    let writer = Writer { report, json_sha256, language, words, faces: &faces, choice, pictures, decoded };
    draw::write(&lay_out(&writer), metadata(&writer), language.tag())
}

fn lay_out<'a>(writer: &Writer<'a>) -> Sheets<'a> {
    let banners = running::Banners::of(writer);
    let mut sheets = Sheets::new(writer.faces, banners.bottom());
    banners.put(&mut sheets);
    head::head(writer, &mut sheets);
    comparison::comparison(writer, &mut sheets);
    let (shown, further) = writer.report.images.split_at(writer.report.images.len().min(CARDS));
    for (number, image) in (1..).zip(shown) {
        card::card(writer, &mut sheets, number, image);
    }
    made_of::further(writer, &mut sheets, further);
    if writer.report.summary.completed > 0 {
        made_of::how_to_read(writer, &mut sheets);
    }
    made_of::models(writer, &mut sheets);
    made_of::provenance(writer, &mut sheets);
    running::complete(writer, &banners, &mut sheets);
    sheets
}

fn metadata(writer: &Writer<'_>) -> Metadata {
    let Writer { report, json_sha256, language, words, .. } = writer;
    Metadata::new()
        .title((words.title)(&report.study_name(), report.revision))
        .description(language.disclaimer(&report.disclaimer).to_owned())
        .creator("Hilum".to_owned())
        .language(language.tag().to_owned())
        .creation_date(date(report.as_of))
        .document_id(format!("{json_sha256}/{}/{}/{}", FORM.name, FORM.version, language.tag()))
}

/// The file's date: when the newest fact in the report was recorded.
fn date(at: Timestamp) -> DateTime {
    let at = at.to_zoned(TimeZone::UTC);
    let part = |number: i8| u8::try_from(number).unwrap_or(0);
    DateTime::new(u16::try_from(at.year()).unwrap_or(0))
        .month(part(at.month()))
        .day(part(at.day()))
        .hour(part(at.hour()))
        .minute(part(at.minute()))
        .second(part(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}
