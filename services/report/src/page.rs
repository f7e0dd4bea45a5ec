//! A report as one self-contained HTML page for people: no script, no request to anywhere. Pure: document and
//! previews in, text out. Knows no storage and no log.

mod bars;
mod card;
mod overlay;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use hilum_events::{ReportCause, Sha256Digest};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::document::{ChangeKind, ImageEntry, ImageStatus, ModelEntry, Report, UNTRAINED_NOTICE};

const STYLE: &str = include_str!("page/style.css");
/// A printed sheet that is parted from the others shall still say so.
const UNTRAINED_SHEET: &str = "@page { @bottom-center { content: \"UNTRAINED network: numbers mean nothing\"; font: bold 8pt sans-serif; } }";
/// The page asks nothing of anybody, and a browser shall hold it to that.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";
/// Images shown in full; further ones get a line each, so that the page of a huge study can still be opened.
const CARDS: usize = 200;
/// Events listed on the page; all are in the machine-readable form.
const EVENTS: usize = 60;

/// A small picture of an image, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Preview {
    /// A PNG.
    Shown { png: Vec<u8> },
    /// None, for good.
    Missing { reason: String },
}

/// The previews of a report's images by the content of their files.
pub(crate) type Previews = BTreeMap<Sha256Digest, Preview>;

/// Makes the page. `json_sha256` names the machine-readable form of the same revision.
pub(crate) fn render(report: &Report, previews: &Previews, json_sha256: &Sha256Digest) -> String {
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
                    (cards(report, previews))
                    @if report.summary.completed > 0 { (how_to_read(report)) }
                    (models(&report.models))
                    (provenance(report, json_sha256))
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

fn cards(report: &Report, previews: &Previews) -> Markup {
    let (shown, further) = report.images.split_at(report.images.len().min(CARDS));
    let mut drawn = std::collections::BTreeSet::new();
    html! {
        @for (number, image) in (1..).zip(shown) {
            (card::card(number, image, previews.get(&image.sha256), drawn.insert(image.sha256)))
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

fn models(models: &[ModelEntry]) -> Markup {
    html! {
        @for model in models {
            section {
                h2 { "Model" }
                div.scroll { table.facts { tbody {
                    @if let Some(notice) = &model.notice {
                        tr { th scope="row" { "Notice" } td { strong.untrained-text { (notice) } } }
                    }
                    tr { th scope="row" { "Name" } td { (model.identity.name) } }
                    tr { th scope="row" { "Version" } td { (model.identity.version) } }
                    tr { th scope="row" { "Weights SHA-256" } td { code { (model.identity.weights_sha256) } } }
                    tr { th scope="row" { "Preprocessing" } td { code { (model.identity.preprocessing_id) } } }
                    @for engine in &model.engines {
                        tr {
                            th scope="row" { "Engine" }
                            td { (engine.engine) " " (engine.version) ", " (engine.precision) ", " (engine.device) }
                        }
                    }
                } } }
            }
        }
    }
}

fn provenance(report: &Report, json_sha256: &Sha256Digest) -> Markup {
    let provenance = &report.provenance;
    let shown = provenance.events.len().min(EVENTS);
    html! {
        section.provenance {
            h2 { "Provenance" }
            p {
                "Made of " (counted(u32::try_from(provenance.events.len()).unwrap_or(u32::MAX), "event"))
                " of the log; caused by " code { (provenance.cause_event_id) } ". Machine-readable form: SHA-256 "
                code { (json_sha256) } "."
            }
            div.scroll { table.small {
                thead { tr {
                    th scope="col" { "Position" } th scope="col" { "Event" } th scope="col" { "Recorded" }
                    th scope="col" { "Id" }
                } }
                tbody {
                    @for event in &provenance.events[..shown] {
                        tr {
                            td { (event.stream_seq) } td { (event.name) } td { (time(event.stored_at)) }
                            td { code { (event.event_id) } }
                        }
                    }
                }
            } }
            @if shown < provenance.events.len() {
                p { "The other " (provenance.events.len() - shown) " are in the machine-readable form." }
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
