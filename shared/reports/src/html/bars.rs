//! The findings of one image as a table with bars.

use hilum_events::Finding;
use maud::{Markup, html};

use super::label;

/// Draws `ranked` in its order. Nothing of an untrained network looks like a positive finding.
pub(super) fn table(ranked: &[&Finding], untrained: bool) -> Markup {
    html! {
        div.scroll { table.findings.untrained[untrained] {
            thead { tr {
                th scope="col" { "Finding" }
                th.bar scope="col" { "Score, " span.tick-name { "tick at 0.5 = operating point" } }
                th.number scope="col" { "Score" }
                th.number.small scope="col" { "Probability" }
                th.number.small scope="col" { "Logit" }
            } }
            tbody { @for finding in ranked { (row(finding, untrained)) } }
        } }
    }
}

fn row(finding: &Finding, untrained: bool) -> Markup {
    let score = finding.operating_point_score;
    let above = !untrained && score.is_some_and(|score| score >= 0.5);
    html! {
        tr.above[above] {
            th scope="row" { (label(&finding.label)) }
            td.bar { (bar(score)) }
            td.number {
                @match score {
                    Some(score) => {
                        @if above { span.mark title="at or above the operating point" { "▲" } " " }
                        (format!("{score:.2}"))
                    },
                    None => span.none title="the model has no operating point for it" { "none" },
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
