//! A report as one self-contained HTML page for people: no script, no request to anywhere.

mod bars;
mod card;
mod made_of;
mod overlay;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use hilum_events::{ReportCause, Sha256Digest};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::document::{ChangeKind, ImageEntry, ImageStatus, Report, UNTRAINED_NOTICE};
use crate::form::Form;
use crate::pictures::{Choice, Picture, Pictures, choose};
use card::Sight;

/// The page as a form of the report.
pub const FORM: Form = Form { name: "html", media_type: "text/html; charset=utf-8", version: 1 };

const STYLE: &str = include_str!("html/style.css");
/// A printed sheet that is parted from the others shall still say so.
const UNTRAINED_SHEET: &str = "@page { @bottom-center { content: \"UNTRAINED network: numbers mean nothing\"; font: bold 8pt sans-serif; } }";
/// The page asks nothing of anybody, and a browser shall hold it to that.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
/// Images shown in full; further ones get a line each, so that the page of a huge study can still be opened.
const CARDS: usize = 200;
/// Pictures of a report, and the longest side of each, pixels: a page stays below some 10 MB.
const SIDES: [(usize, u32); 3] = [(16, 512), (64, 256), (256, 128)];

/// The pictures that [`render`] wants of those that the document names.
pub fn choice(report: &Report) -> Choice {
    choose(report, CARDS, &SIDES)
}

/// Makes the page of the document whose bytes have the hash `json_sha256`, with the pictures of [`choice`].
pub fn render(report: &Report, pictures: &Pictures, json_sha256: &Sha256Digest) -> String {
    let title = format!("Study {}, revision {}", report.study_name(), report.revision);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(STYLE)) @if report.is_untrained() { (PreEscaped(UNTRAINED_SHEET)) } }
            }
            body {
                header { (head(report)) }
                main {
                    (changes(report))
                    (cards(report, pictures))
                    @if report.summary.completed > 0 { (how_to_read(report)) }
                    (made_of::models(&report.models))
                    (made_of::provenance(report, json_sha256))
                }
                footer { p { (report.disclaimer) " Study " (report.study_name()) ", revision " (report.revision) "." } }
            }
        }
    };
    page.into_string()
}

fn head(report: &Report) -> Markup {
    html! {
        p.kicker { "Hilum image report" }
        h1 { "Study " (report.study_name()) " " span.revision { "revision " (report.revision) } }
        div.banner.research role="note" { strong { (report.disclaimer) } }
        @if report.is_untrained() {
            div.banner.untrained role="note" { strong { (UNTRAINED_NOTICE) } "." }
        }
        dl.facts {
            div.wide { dt { "Status" } dd { (status(report)) } }
            div { dt { "As of" } dd { (time(report.as_of)) } }
            div { dt { "Site" } dd { (report.site) } }
            div.wide { dt { "Issued because" } dd { (cause(report.cause)) } }
            div.wide { dt { "Study id" } dd { code { (report.study_id) } } }
        }
    }
}

fn status(report: &Report) -> String {
    let summary = report.summary;
    let mut text = format!("{}: {} read", counted(summary.images, "image"), summary.completed);
    if summary.failed > 0 {
        text += &format!(", {} without a reading", summary.failed);
    }
    if summary.duplicates > 0 {
        text += &format!(" ({} with shared content)", summary.duplicates);
    }
    text
}

fn cause(cause: ReportCause) -> &'static str {
    match cause {
        ReportCause::QuietTime => "all images had an outcome and no more came for a while",
        ReportCause::Closed => "all images had an outcome and the sender closed the study",
        ReportCause::Expected => "all images that the sender announced had an outcome",
        ReportCause::ExpectedSeries => "every expected series had come and all images had an outcome",
        ReportCause::TimeLimit => "the time for the study was over",
    }
}

fn changes(report: &Report) -> Markup {
    let Some(previous) = report.provenance.previous_revision else { return html! {} };
    let number =
        |job| report.images.iter().position(|image| image.job_id == job).map_or(0, |index| index + 1);
    html! {
        section.changes {
            h2 { "Changes since revision " (previous) }
            ul {
                @for change in &report.changes {
                    li {
                        a href=(format!("#image-{}", number(change.job_id))) { "Image " (number(change.job_id)) }
                        @match change.change {
                            ChangeKind::Added => ": added",
                            ChangeKind::OutcomeChanged => ": has another outcome now",
                        }
                    }
                }
            }
        }
    }
}

fn cards(report: &Report, pictures: &Pictures) -> Markup {
    let (shown, further) = report.images.split_at(report.images.len().min(CARDS));
    let choice = choice(report);
    let mut drawn = BTreeSet::new();
    html! {
        @for (number, image) in (1..).zip(shown) {
            (card::card(number, image, sight(image, &choice, pictures), &mut drawn))
        }
        @if !further.is_empty() {
            section {
                h2 { "Further images" }
                p { "In full only in the machine-readable form." }
                div.scroll { table {
                    thead { tr { th scope="col" { "Image" } th scope="col" { "Job" } th scope="col" { "Outcome" } } }
                    tbody {
                        @for (number, image) in (CARDS + 1..).zip(further) {
                            tr id=(format!("image-{number}")) {
                                th scope="row" { (number) }
                                td { code { (image.job_id) } }
                                td { (brief_outcome(image)) }
                            }
                        }
                    }
                } }
            }
        }
    }
}

/// What stands in the place of an image's picture.
fn sight<'a>(image: &'a ImageEntry, choice: &'a Choice, pictures: &'a Pictures) -> Sight<'a> {
    let Some(preview) = &image.preview else {
        return Sight::Missing(image.preview_missing.as_deref().unwrap_or("none was kept"));
    };
    match (choice, pictures.get(&preview.sha256)) {
        (Choice::Nothing { reason }, _) => Sight::Missing(reason),
        (_, Some(Picture::Missing { reason })) => Sight::Missing(reason),
        (_, Some(Picture::Shown { png })) => Sight::Shown { png, sha256: &preview.sha256 },
        (_, None) => Sight::Missing("it was not fetched"),
    }
}

fn brief_outcome(image: &ImageEntry) -> String {
    match (&image.reading, image.status) {
        (Some(reading), _) => {
            let untold = "read".to_owned();
            reading.ranked().first().map_or(untold, |top| match top.operating_point_score {
                Some(score) => format!("{} {score:.2}", label(&top.label)),
                None => label(&top.label),
            })
        }
        (None, ImageStatus::Completed) => "read".to_owned(),
        (None, ImageStatus::Pending) => "no outcome yet".to_owned(),
        (None, ImageStatus::Failed) => image.reason.clone().unwrap_or_else(|| "no reading".to_owned()),
    }
}

fn how_to_read(report: &Report) -> Markup {
    html! {
        section {
            h2 { "How to read this" }
            ul {
                @if report.is_untrained() {
                    li { strong { (UNTRAINED_NOTICE) ". " } "They show how the pipeline works, nothing else." }
                }
                li {
                    strong { "Score" } ": 0 to 1, with 0.5 at the model's operating point for that finding. It ranks; \
                    it is not the probability of disease. "
                    strong { "Probability" } " is the raw network output and not calibrated either."
                }
                li {
                    strong { "Activation map" } ": which parts of the picture raised the logit of one finding, in the \
                    network's own coarse cells. Only positive contributions are coloured. It is not an outline of \
                    anything: a cell can light up for what lies beside it."
                }
                li { strong { "Hatched" } ": cut off before the network saw the picture, so not analysed." }
            }
        }
    }
}

/// To the second, which is what people want to see.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn counted(count: u32, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// A model's label as it is read aloud.
fn label(label: &str) -> String {
    label.replace('_', " ")
}
