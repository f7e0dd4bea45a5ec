//! The findings of one image as a table with bars.

use hilum_events::Finding;
use maud::{Markup, html};

use super::Writer;

/// Draws `ranked` in its order. Nothing of an untrained network looks like a positive finding.
pub(super) fn table(writer: &Writer<'_>, ranked: &[&Finding], untrained: bool) -> Markup {
    let words = writer.words;
    html! {
        div.scroll { table.findings.untrained[untrained] {
            thead { tr {
                th scope="col" { (words.finding) }
                th.bar scope="col" { (words.score) ", " span.tick-name { (words.tick) } }
                th.number scope="col" { (words.score) }
                th.number.small scope="col" { (words.probability) }
                th.number.small scope="col" { (words.logit) }
            } }
            tbody { @for finding in ranked { (row(writer, finding, untrained)) } }
        } }
    }
}

fn row(writer: &Writer<'_>, finding: &Finding, untrained: bool) -> Markup {
    let words = writer.words;
    let score = finding.operating_point_score;
    let above = !untrained && score.is_some_and(|score| score >= 0.5);
    html! {
        tr.above[above] {
            th scope="row" { (writer.language.label(&finding.label)) }
            td.bar { (bar(score)) }
            td.number {
                @match score {
                    Some(score) => {
                        @if above { span.mark title=(words.at_or_above) { "▲" } " " }
                        (format!("{score:.2}"))
                    },
                    None => span.none title=(words.no_operating_point) { (words.none) },
                }
            }
            td.number.small { (format!("{:.4}", finding.probability)) }
            td.number.small { (format!("{:+.2}", finding.logit)) }
        }
    }
}

fn bar(score: Option<f32>) -> Markup {
    html! {
        svg.bar viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
            rect.track x="0" y="0" width="100" height="10" {}
            @if let Some(score) = score {
                rect.value x="0" y="1.5" width=(format!("{:.2}", score.clamp(0.0, 1.0) * 100.0)) height="7" {}
                line.tick x1="50" y1="0" x2="50" y2="10" {}
            }
        }
    }
}
