//! An activation map laid over its picture at the resolution it has: one rectangle per cell, exactly over the
//! square that the network saw. What was cut off is hatched.

use maud::{Markup, html};

use super::Writer;
use crate::overlay::{Cell, Overlay, RelativeArea, STEPS, Step};

/// The drawing of a map.
pub(super) struct Drawing<'a> {
    pub(super) writer: &'a Writer<'a>,
    /// The image's.
    pub(super) number: usize,
    /// As it is read aloud.
    pub(super) label: &'a str,
    pub(super) overlay: &'a Overlay<'a>,
}

impl Drawing<'_> {
    /// The picture that stands elsewhere on the page under `picture_id`, with the map over it.
    pub(super) fn draw(&self, picture_id: &str) -> Markup {
        let region = self.overlay.region();
        let (width, height) = (region.picture_width, region.picture_height);
        let (x, y, side) = (region.x, region.y, region.side);
        let hatch = format!("hatch-{}", self.number);
        let step = f64::from(width.max(height)) / 48.0;
        let text = (self.writer.words.picture_with_map)(self.number, self.label);
        html! {
            svg viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(text) {
                defs {
                    pattern id=(hatch) patternUnits="userSpaceOnUse" width=(number(step)) height=(number(step))
                        patternTransform="rotate(45)" {
                        rect width=(number(step)) height=(number(step)) fill="#fff" fill-opacity="0.45" {}
                        rect width=(number(step / 3.0)) height=(number(step)) fill="#333" fill-opacity="0.6" {}
                    }
                }
                use href=(format!("#{picture_id}")) {}
                @for place in self.overlay.margins() {
                    (margin(&place, &hatch, f64::from(width.max(height)), self.writer.words.not_analysed))
                }
                g shape-rendering="crispEdges" {
                    @for cell in self.overlay.cells() { (coloured(&cell)) }
                }
                rect x=(x) y=(y) width=(side) height=(side) fill="none" stroke="#fff" stroke-width=(number(step / 8.0)) {}
            }
        }
    }

    /// What the colours mean.
    pub(super) fn legend(&self) -> Markup {
        let words = self.writer.words;
        let Some(bounds) = self.overlay.bounds() else {
            return html! { span.legend { (words.nothing_coloured) } };
        };
        html! {
            span.legend {
                svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                    rect x="0" y="0" width="100" height="8" fill="#808080" {}
                    @for (index, step) in STEPS.iter().enumerate() {
                        rect x=(index * 20) y="0" width="20" height="8" fill=(hex(step)) fill-opacity=(opacity(step)) {}
                    }
                }
                span.scale {
                    @for bound in bounds { span { (format!("{bound:.2}")) } }
                }
                (words.colours)
            }
        }
    }
}

fn coloured(cell: &Cell) -> Markup {
    let RelativeArea { x, y, width, height } = cell.area;
    html! {
        rect x=(number(x)) y=(number(y)) width=(number(width)) height=(number(height))
            fill=(hex(&cell.step)) fill-opacity=(opacity(&cell.step)) {
            title { (format!("{:+.2}", cell.value)) }
        }
    }
}

/// A strip that was not analysed: hatched, and named where there is room for the words.
fn margin(place: &RelativeArea, hatch: &str, longest_side: f64, not_analysed: &str) -> Markup {
    let RelativeArea { x, y, width, height } = *place;
    let letters = longest_side / 36.0;
    let (middle_x, middle_y) = (x + width / 2.0, y + height / 2.0);
    let upright = height > width;
    let turn = if upright { -90 } else { 0 };
    let fits = width.min(height) > letters * 1.3;
    html! {
        rect x=(number(x)) y=(number(y)) width=(number(width)) height=(number(height))
            fill=(format!("url(#{hatch})")) {}
        @if fits {
            text x=(number(middle_x)) y=(number(middle_y)) font-size=(number(letters)) text-anchor="middle"
                dominant-baseline="central" fill="#fff" stroke="#000" stroke-width=(number(letters / 6.0))
                paint-order="stroke"
                transform=(format!("rotate({turn} {} {})", number(middle_x), number(middle_y))) {
                (not_analysed)
            }
        }
    }
}

fn hex(step: &Step) -> String {
    let [red, green, blue] = step.rgb;
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn opacity(step: &Step) -> String {
    format!("{:.2}", step.opacity)
}

/// Hundredths of a pixel are enough.
fn number(value: f64) -> String {
    format!("{value:.2}")
}
