//! One image of the report: its picture, what the model said or why it said nothing.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hilum_events::Sha256Digest;
use maud::{Markup, html};

use super::overlay::Overlay;
use super::{bars, label, time};
use crate::document::{ImageEntry, ImageStatus, ReadingEntry, UNTRAINED_NOTICE};

/// What stands in the place of an image's picture.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sight<'a> {
    /// A PNG.
    Shown { png: &'a [u8], sha256: &'a Sha256Digest },
    /// The reason why there is none.
    Missing(&'a str),
}

/// Draws the card. `drawn` are the pictures of the cards before it: each is sent only once.
pub(super) fn card(
    number: usize,
    image: &ImageEntry,
    sight: Sight<'_>,
    drawn: &mut BTreeSet<String>,
) -> Markup {
    html! {
        section.card id=(format!("image-{number}")) {
            h2 {
                "Image " (number) " "
                @match image.status {
                    ImageStatus::Completed => span.pill.read { "read" },
                    ImageStatus::Failed => span.pill.failed { "no reading" },
                    ImageStatus::Pending => span.pill.failed { "no outcome yet" },
                }
            }
            @if let Some(primary) = image.duplicate_of {
                p.shared { "Same content as job " code { (primary) } ", reading shared." }
            }
            @if image.status == ImageStatus::Failed { (failure(image)) }
            @for notice in image.reading.iter().flat_map(|reading| &reading.notices) {
                p.notice { strong { "Please note: " } (notice.text) "." }
            }
            (pictures(number, image, sight, drawn))
            @if let Some(reading) = &image.reading { (findings(reading)) }
            (identity(image))
        }
    }
}

fn failure(image: &ImageEntry) -> Markup {
    html! {
        div.failure {
            p {
                strong { "No reading: " } (image.reason.as_deref().unwrap_or("the reason was not recorded"))
                @if let Some(code) = &image.reason_code { " " code { "(" (code) ")" } }
            }
            @if let Some(what_to_do) = &image.what_to_do { p { strong { "What to do: " } (what_to_do) } }
        }
    }
}

fn pictures(number: usize, image: &ImageEntry, sight: Sight<'_>, drawn: &mut BTreeSet<String>) -> Markup {
    let (png, sha256) = match sight {
        Sight::Shown { png, sha256 } => (png, sha256),
        Sight::Missing(reason) => return html! { p.no-preview { "No preview: " (reason) "." } },
    };
    let Some(reading) = &image.reading else {
        return html! {
            div.pictures { figure {
                img src=(data_uri(png)) alt=(format!("Image {number}, reduced; it has no reading"));
                figcaption { "The picture, reduced." }
            } }
        };
    };
    let (width, height) = (reading.region.picture_width, reading.region.picture_height);
    // Pictures of two sizes can be the same once they are reduced, and each has to fill its own.
    let picture_id = format!("picture-{}-{width}x{height}", &sha256.to_string()[..16]);
    let first = drawn.insert(picture_id.clone());
    let overlay = reading.top_map().and_then(|map| Overlay::new(number, map, reading.region));
    html! {
        div.pictures {
            figure {
                svg viewBox=(format!("0 0 {width} {height}")) role="img"
                    aria-label=(format!("Image {number}, reduced, without overlay")) {
                    @if first {
                        image id=(picture_id) href=(data_uri(png)) width=(width) height=(height)
                            preserveAspectRatio="none" {}
                    } @else {
                        use href=(format!("#{picture_id}")) {}
                    }
                }
                figcaption { "The picture, reduced; " (width) " × " (height) " pixels as sent." }
            }
            @if let Some(overlay) = overlay {
                figure {
                    (overlay.draw(&picture_id))
                    figcaption {
                        "Activation map of " strong { (label(overlay.label())) } ", " (overlay.cells()) " cells."
                        @if !reading.trained { " " strong.untrained-text { "Untrained: meaningless." } }
                        (overlay.legend())
                    }
                }
            }
        }
    }
}

fn findings(reading: &ReadingEntry) -> Markup {
    html! {
        h3 { "Findings" }
        @if !reading.trained { p.untrained-line { strong { (UNTRAINED_NOTICE) } "." } }
        (bars::table(&reading.ranked(), !reading.trained))
    }
}

fn identity(image: &ImageEntry) -> Markup {
    html! {
        dl.facts.identity {
            div { dt { "Received" } dd { (time(image.received_at)) } }
            div { dt { "Type" } dd { (image.media_type.as_mime()) ", " (size(image.size_bytes)) } }
            @if let Some(reading) = &image.reading {
                div { dt { "Model" } dd { (reading.model.name) " " (reading.model.version) } }
            }
            div.wide { dt { "Job" } dd { code { (image.job_id) } } }
            @if let Some(reading_id) = image.reading_id {
                div.wide { dt { "Reading" } dd { code { (reading_id) } } }
            }
            @if let Some(source) = image.reading.as_ref().and_then(|reading| reading.reused_from) {
                div.wide { dt { "Taken from" } dd { "reading " code { (source) } " of the same pixels in another file" } }
            }
            div.wide { dt { "SHA-256" } dd { code { (image.sha256) } } }
            @if let Some(dicom) = &image.dicom {
                div.wide { dt { "SOP instance" } dd { code { (dicom.sop_instance_uid) } } }
                div.wide { dt { "Series" } dd { code { (dicom.series_instance_uid) } } }
                @if let Some(modality) = &dicom.modality { div.wide { dt { "Modality" } dd { (modality) } } }
            }
        }
    }
}

fn data_uri(png: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png))
}

fn size(bytes: u64) -> String {
    if bytes < 10_000 { format!("{bytes} bytes") } else { format!("{} kB", bytes.div_ceil(1000)) }
}
