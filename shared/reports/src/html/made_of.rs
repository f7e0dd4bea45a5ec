//! What a report was made of: the models, and the facts of the log.

use maud::{Markup, html};

use super::Writer;

/// Events listed on the page; all are in the document.
const EVENTS: usize = 60;

pub(super) fn models(writer: &Writer<'_>) -> Markup {
    let Writer { report, words, language, .. } = writer;
    html! {
        @for model in &report.models {
            section {
                h2 { (words.model) }
                div.scroll { table.facts { tbody {
                    @if let Some(notice) = &model.notice {
                        tr {
                            th scope="row" { (words.notice) }
                            td { strong.untrained-text { (language.model_notice(notice)) } }
                        }
                    }
                    tr { th scope="row" { (words.name) } td { (model.identity.name) } }
                    tr { th scope="row" { (words.version) } td { (model.identity.version) } }
                    tr { th scope="row" { (words.weights) } td { code { (model.identity.weights_sha256) } } }
                    tr { th scope="row" { (words.preprocessing) } td { code { (model.identity.preprocessing_id) } } }
                    @for engine in &model.engines {
                        tr {
                            th scope="row" { (words.engine) }
                            td { (engine.engine) " " (engine.version) ", " (engine.precision) ", " (engine.device) }
                        }
                    }
                } } }
            }
        }
    }
}

pub(super) fn provenance(writer: &Writer<'_>) -> Markup {
    let Writer { report, words, json_sha256, .. } = writer;
    let provenance = &report.provenance;
    let shown = provenance.events.len().min(EVENTS);
    let [before, between, after] = (words.made_of)(provenance.events.len());
    html! {
        section.provenance {
            h2 { (words.provenance) }
            p {
                (before) code { (provenance.cause_event_id) } (between) code { (json_sha256) } (after)
            }
            div.scroll { table.small {
                thead { tr {
                    th scope="col" { (words.position) } th scope="col" { (words.event) }
                    th scope="col" { (words.recorded) } th scope="col" { (words.id) }
                } }
                tbody {
                    @for event in &provenance.events[..shown] {
                        tr {
                            td { (event.stream_seq) } td { (event.name) } td { (report.short_local_time(event.stored_at)) }
                            td { code { (event.event_id) } }
                        }
                    }
                }
            } }
            @if shown < provenance.events.len() {
                p { ((words.further_events)(provenance.events.len() - shown)) }
            }
        }
    }
}
