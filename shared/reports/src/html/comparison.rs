//! The numbers beside those of an earlier study.

use maud::{Markup, html};

use super::Writer;
use crate::document::{ComparedFinding, Comparison};

pub(super) fn comparison(writer: &Writer<'_>) -> Markup {
    let Writer { report, words, .. } = writer;
    let Some(comparison) = &report.comparison else { return html! {} };
    let Comparison { revision, as_of, same_model, findings, .. } = comparison;
    html! {
        section.comparison {
            h2 { (words.comparison) }
            p { ((words.compared_with)(&comparison.study_name(), *revision, &report.local_time(*as_of))) }
            @if !same_model {
                p { (words.other_model) }
            } @else if findings.is_empty() {
                p { (words.nothing_in_both) }
            } @else {
                @if report.is_untrained() { p.untrained-line { strong { (words.untrained) } "." } }
                (table(writer, findings))
            }
        }
    }
}

fn table(writer: &Writer<'_>, findings: &[ComparedFinding]) -> Markup {
    let words = writer.words;
    html! {
        div.scroll { table {
            thead { tr {
                th scope="col" { (words.finding) }
                th.number scope="col" { (words.earlier_score) }
                th.number scope="col" { (words.current_score) }
                th.number scope="col" { (words.score_change) }
                th.number.small scope="col" { (words.earlier_probability) }
                th.number.small scope="col" { (words.current_probability) }
            } }
            tbody {
                @for finding in findings {
                    tr {
                        th scope="row" { (writer.language.label(&finding.label)) }
                        td.number { (score(writer, finding.earlier_score)) }
                        td.number { (score(writer, finding.score)) }
                        td.number {
                            @if let Some(change) = finding.score_change() { (format!("{change:+.2}")) }
                        }
                        td.number.small { (format!("{:.4}", finding.earlier_probability)) }
                        td.number.small { (format!("{:.4}", finding.probability)) }
                    }
                }
            }
        } }
    }
}

fn score(writer: &Writer<'_>, score: Option<f32>) -> Markup {
    let words = writer.words;
    match score {
        Some(score) => html! { (format!("{score:.2}")) },
        None => html! { span.none title=(words.no_operating_point) { (words.none) } },
    }
}
