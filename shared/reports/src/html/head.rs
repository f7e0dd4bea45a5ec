//! The first thing on the page: which study, what is missing, how things stand, what was pointed out and what changed.

use maud::{Markup, html};

use super::Writer;

pub(super) fn head(writer: &Writer<'_>) -> Markup {
    let Writer { report, words, language, .. } = writer;
    html! {
        p.kicker { (words.kicker) }
        h1 { (words.study) " " (report.study_name()) " " span.revision { ((words.revision)(report.revision)) } }
        (doubts(writer))
        (incomplete(writer))
        div.banner.research role="note" { strong { (language.disclaimer(&report.disclaimer)) } }
        @if report.is_untrained() {
            div.banner.untrained role="note" { strong { (words.untrained) } "." }
        }
        (flags(writer))
        dl.facts {
            div.wide { dt { (words.status) } dd { ((words.counts)(report.summary)) } }
            @if report.completeness.as_ref().is_some_and(|completeness| completeness.complete) {
                div.wide { dt { (words.completeness) } dd { (words.complete) } }
            }
            div { dt { (words.as_of) } dd { (report.local_time(report.as_of)) } }
            div { dt { (words.site) } dd { (report.site) } }
            div.wide { dt { (words.issued_because) } dd { ((words.cause)(report.cause)) } }
            div.wide { dt { (words.study_id) } dd { code { (report.study_id) } } }
        }
    }
}

fn doubts(writer: &Writer<'_>) -> Markup {
    let Writer { report, words, language, .. } = writer;
    if report.doubts.is_empty() {
        return html! {};
    }
    html! {
        div.banner.incomplete role="alert" {
            strong { (words.doubts) "." }
            ul {
                @for doubt in &report.doubts {
                    @let told = language.doubt(report, doubt);
                    li { (told.text) @if let Some(original) = &told.original { " (" (original) ")" } }
                }
            }
        }
    }
}

fn incomplete(writer: &Writer<'_>) -> Markup {
    let Writer { report, words, language, .. } = writer;
    let Some(completeness) = report.completeness.as_ref().filter(|completeness| !completeness.complete)
    else {
        return html! {};
    };
    html! {
        div.banner.incomplete role="alert" {
            strong { (words.incomplete) "." }
            @if !completeness.missing.is_empty() {
                ul {
                    @for missing in &completeness.missing { li { (language.missing(report, missing)) } }
                }
            }
        }
    }
}

fn flags(writer: &Writer<'_>) -> Markup {
    let Writer { report, words, language, .. } = writer;
    if report.flags.is_empty() {
        return html! {};
    }
    html! {
        section.flags {
            h2 { (words.flagged) }
            ul {
                @for flag in &report.flags {
                    li { strong { (language.label(&flag.label)) } (language.flag(report, flag)) }
                }
            }
        }
    }
}

pub(super) fn changes(writer: &Writer<'_>) -> Markup {
    let Writer { report, words, .. } = writer;
    let Some(previous) = report.provenance.previous_revision.filter(|_| !report.changes.is_empty()) else {
        return html! {};
    };
    html! {
        section.changes {
            h2 { ((words.changes_since)(previous)) }
            ul {
                @for change in &report.changes {
                    @let number = report.number_of(change.job_id).unwrap_or_default();
                    li {
                        a href=(format!("#image-{number}")) { ((words.image)(number)) }
                        ((words.change)(change.change))
                    }
                }
            }
        }
    }
}
