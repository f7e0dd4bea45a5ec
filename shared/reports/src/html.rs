//! A report as one self-contained HTML page for people: no script, no request to anywhere.

mod bars;
mod card;
mod comparison;
mod head;
mod made_of;
mod overlay;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use hilum_events::Sha256Digest;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::document::Report;
use crate::form::Form;
use crate::picture_or_reason::picture_or_reason;
use crate::pictures::{Choice, Pictures, choose};
use crate::words::{Language, Words};

/// The page as a form of the report.
pub const FORM: Form = Form { name: "html", media_type: "text/html; charset=utf-8", version: 3 };

const STYLE: &str = include_str!("html/style.css");
/// The page asks nothing of anybody, and a browser shall hold it to that.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
/// Images shown in full; further ones get a line each, so that the page of a huge study can still be opened.
const CARDS: usize = 200;
/// Pictures of a report, and the longest side of each, pixels: a page stays below some 10 MB.
const SIDES: [(usize, u32); 3] = [(16, 512), (64, 256), (256, 128)];

/// What is written, and in which words.
struct Writer<'a> {
    report: &'a Report,
    json_sha256: &'a Sha256Digest,
    language: Language,
    words: &'static Words,
    choice: Choice,
    pictures: &'a Pictures,
}

/// The pictures that [`render`] wants of those that the document names.
pub fn choice(report: &Report) -> Choice {
    choose(report, CARDS, &SIDES)
}

/// Makes the page of the document whose bytes have the hash `json_sha256`, with the pictures of [`choice`].
pub fn render(
    report: &Report,
    pictures: &Pictures,
    json_sha256: &Sha256Digest,
    language: Language,
) -> String {
    let words = language.words();
    page(&Writer { report, json_sha256, language, words, choice: choice(report), pictures }).into_string()
}

fn page(writer: &Writer<'_>) -> Markup {
    let Writer { report, language, words, .. } = writer;
    let title = (words.title)(&report.study_name(), report.revision);
    html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(style(writer))) }
            }
            body {
                header { (head::head(writer)) }
                main {
                    (head::changes(writer))
                    (comparison::comparison(writer))
                    (cards(writer))
                    @if report.summary.completed > 0 { (how_to_read(writer)) }
                    (made_of::models(writer))
                    (made_of::provenance(writer))
                }
                footer { p { (language.disclaimer(&report.disclaimer)) " " (title) "." } }
            }
        }
    }
}

/// A printed sheet that is parted from the others shall still say what the report is not.
fn style(writer: &Writer<'_>) -> String {
    let Writer { report, language, words, .. } = writer;
    let mut style = STYLE.to_owned();
    if report.is_untrained() {
        style += &foot("center", words.untrained_in_short, "bold 8pt sans-serif");
    }
    if *language != Language::English {
        style += &foot("left", words.disclaimer, "8pt sans-serif");
    }
    style
}

/// Words at the foot of each printed sheet.
fn foot(place: &str, words: &str, font: &str) -> String {
    format!("@page {{ @bottom-{place} {{ content: \"{words}\"; font: {font}; }} }}")
}

fn cards(writer: &Writer<'_>) -> Markup {
    let Writer { report, words, language, .. } = writer;
    let (shown, further) = report.images.split_at(report.images.len().min(CARDS));
    let mut drawn = BTreeSet::new();
    html! {
        @for (number, image) in (1..).zip(shown) {
            @let shown = picture_or_reason(image, &writer.choice, writer.pictures, *language);
            (card::card(writer, (number, image), &shown, &mut drawn))
        }
        @if !further.is_empty() {
            section {
                h2 { (words.further_images) }
                p { (words.only_in_json) }
                div.scroll { table {
                    thead { tr {
                        th scope="col" { (words.image_column) } th scope="col" { (words.job) }
                        th scope="col" { (words.outcome) }
                    } }
                    tbody {
                        @for (number, image) in (CARDS + 1..).zip(further) {
                            tr id=(format!("image-{number}")) {
                                th scope="row" { (number) }
                                td { code { (image.job_id) } }
                                td { (language.brief_outcome(image)) }
                            }
                        }
                    }
                } }
            }
        }
    }
}

fn how_to_read(writer: &Writer<'_>) -> Markup {
    let words = writer.words;
    html! {
        section {
            h2 { (words.how_to_read) }
            ul {
                @if writer.report.is_untrained() {
                    li { strong { (words.untrained) ". " } (words.untrained_means) }
                }
                li {
                    strong { (words.score) } (words.score_means)
                    strong { (words.probability) } (words.probability_means)
                }
                li { strong { (words.activation_map) } (words.map_means) }
                li { strong { (words.hatched) } (words.hatched_means) }
            }
        }
    }
}
