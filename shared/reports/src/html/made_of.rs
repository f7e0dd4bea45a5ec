//! What a report was made of: the models, and the facts of the log.

use hilum_events::Sha256Digest;
use maud::{Markup, html};

use super::{counted, time};
use crate::document::{ModelEntry, Report};

/// Events listed on the page; all are in the document.
const EVENTS: usize = 60;

pub(super) fn models(models: &[ModelEntry]) -> Markup {
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

pub(super) fn provenance(report: &Report, json_sha256: &Sha256Digest) -> Markup {
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
