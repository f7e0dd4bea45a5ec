//! One image of the report: its picture, what the model said or why it said nothing.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::overlay::Drawing;
use super::{Writer, bars};
use crate::document::{ImageEntry, ImageStatus, ReadingEntry};
use crate::overlay::Overlay;
use crate::picture_or_reason::PictureOrReason;
use crate::words::Sentence;

/// Draws the card. `drawn` are the pictures of the cards before it: each is sent only once.
pub(super) fn card(
    writer: &Writer<'_>,
    (number, image): (usize, &ImageEntry),
    shown: &PictureOrReason<'_>,
    drawn: &mut BTreeSet<String>,
) -> Markup {
    let words = writer.words;
    let outcome = (words.outcome_of)(image.status);
    html! {
        section.card id=(format!("image-{number}")) {
            h2 {
                ((words.image)(number)) " "
                @match image.status {
                    ImageStatus::Completed => span.pill.read { (outcome) },
                    ImageStatus::Failed | ImageStatus::Pending => span.pill.failed { (outcome) },
                }
            }
            @if let Some(primary) = image.duplicate_of {
                @let [before, after] = words.shared_with;
                p.shared { (before) code { (primary) } (after) }
            }
            @match image.status {
                ImageStatus::Completed => {},
                ImageStatus::Failed => (failure(writer, image)),
                ImageStatus::Pending => div.failure { p { (words.pending_means) } },
            }
            @for notice in image.reading.iter().flat_map(|reading| &reading.notices) {
                @let told = writer.language.notice(notice);
                p.notice { strong { (words.please_note) } (told.text) "." (original(writer, &told)) }
            }
            (pictures(writer, (number, image), shown, drawn))
            @if let Some(reading) = &image.reading { (findings(writer, reading)) }
            (identity(writer, image))
        }
    }
}

fn failure(writer: &Writer<'_>, image: &ImageEntry) -> Markup {
    let words = writer.words;
    let reason = writer.language.reason(image);
    html! {
        div.failure {
            p {
                strong { (words.no_reading) } (reason.text)
                @if let Some(code) = &image.reason_code { " " code { "(" (code) ")" } }
                (original(writer, &reason))
            }
            @if let Some(what_to_do) = &image.what_to_do {
                @let told = writer.language.what_to_do(what_to_do);
                p { strong { (words.what_to_do) } (told.text) (original(writer, &told)) }
            }
        }
    }
}

/// What the document itself says, below its translation.
fn original(writer: &Writer<'_>, told: &Sentence) -> Markup {
    let Some(original) = &told.original else { return html! {} };
    html! { span.original { (writer.words.original) span lang="en" { (original) } } }
}

fn pictures(
    writer: &Writer<'_>,
    (number, image): (usize, &ImageEntry),
    shown: &PictureOrReason<'_>,
    drawn: &mut BTreeSet<String>,
) -> Markup {
    let words = writer.words;
    let (png, sha256) = match shown {
        PictureOrReason::Shown { png, sha256 } => (png, sha256),
        PictureOrReason::Missing(told) => {
            return html! { p.no-preview { (words.no_preview) (told.text) "." (original(writer, told)) } };
        }
    };
    let Some(reading) = &image.reading else {
        return html! {
            div.pictures { figure {
                img src=(data_uri(png)) alt=((words.picture_without_reading)(number));
                figcaption { (words.picture) }
            } }
        };
    };
    let (width, height) = (reading.region.picture_width, reading.region.picture_height);
    // Pictures of two sizes can be the same once they are reduced, and each has to fill its own.
    let picture_id = format!("picture-{}-{width}x{height}", &sha256.to_string()[..16]);
    let first = drawn.insert(picture_id.clone());
    html! {
        div.pictures {
            figure {
                svg viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=((words.picture_alone)(number)) {
                    @if first {
                        image id=(picture_id) href=(data_uri(png)) width=(width) height=(height)
                            preserveAspectRatio="none" {}
                    } @else {
                        use href=(format!("#{picture_id}")) {}
                    }
                }
                figcaption { ((words.picture_of)(width, height)) }
            }
            (map(writer, number, reading, &picture_id))
        }
    }
}

fn map(writer: &Writer<'_>, number: usize, reading: &ReadingEntry, picture_id: &str) -> Markup {
    let overlay = reading.top_map().and_then(|map| Overlay::new(map, reading.region));
    let Some(overlay) = overlay else { return html! {} };
    let label = writer.language.label(overlay.label());
    let [before, between, after] = writer.words.map_of;
    let drawing = Drawing { writer, number, label: &label, overlay: &overlay };
    html! {
        figure {
            (drawing.draw(picture_id))
            figcaption {
                (before) strong { (label) } (between) (overlay.size()) (after)
                @if !reading.trained { " " strong.untrained-text { (writer.words.untrained_map) } }
                (drawing.legend())
            }
        }
    }
}

fn findings(writer: &Writer<'_>, reading: &ReadingEntry) -> Markup {
    html! {
        h3 { (writer.words.findings) }
        @if !reading.trained { p.untrained-line { strong { (writer.words.untrained) } "." } }
        (bars::table(writer, &reading.ranked(), !reading.trained))
    }
}

fn identity(writer: &Writer<'_>, image: &ImageEntry) -> Markup {
    let words = writer.words;
    html! {
        dl.facts.identity {
            div { dt { (words.received) } dd { (writer.report.local_time(image.received_at)) } }
            div {
                dt { (words.file_type) }
                dd { (image.media_type.as_mime()) ", " ((words.bytes)(image.size_bytes)) }
            }
            @if let Some(reading) = &image.reading {
                div { dt { (words.model) } dd { (reading.model.name) " " (reading.model.version) } }
            }
            div.wide { dt { (words.job) } dd { code { (image.job_id) } } }
            @if let Some(reading_id) = image.reading_id {
                div.wide { dt { (words.reading) } dd { code { (reading_id) } } }
            }
            @if let Some(source) = image.reading.as_ref().and_then(|reading| reading.reused_from) {
                @let [before, after] = words.same_pixels;
                div.wide { dt { (words.taken_from) } dd { (before) code { (source) } (after) } }
            }
            div.wide { dt { "SHA-256" } dd { code { (image.sha256) } } }
            @if let Some(dicom) = &image.dicom {
                div.wide { dt { (words.sop_instance) } dd { code { (dicom.sop_instance_uid) } } }
                div.wide { dt { (words.series) } dd { code { (dicom.series_instance_uid) } } }
                @if let Some(modality) = &dicom.modality {
                    div.wide { dt { (words.modality) } dd { (modality) } }
                }
            }
        }
    }
}

fn data_uri(png: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png))
}
