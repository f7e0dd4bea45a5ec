//! An activation map laid over its picture at the resolution it has: one rectangle per cell, exactly over the
//! square that the network saw. What was cut off is hatched.

use hilum_events::{ActivationMap, AnalysedRegion};
use maud::{Markup, html};

use super::label;

/// Steps from weak to strong, colour and opacity; told apart by lightness too.
const STEPS: [(&str, &str); 5] =
    [("#ffe066", "0.18"), ("#ffb347", "0.28"), ("#ff7f2a", "0.36"), ("#e8412a", "0.44"), ("#a8102a", "0.52")];
/// Most cells drawn: maps are 7 by 7; anything huge is not a map.
const MAX_CELLS: usize = 4096;

/// A map that can be drawn.
pub(super) struct Overlay<'a> {
    number: usize,
    map: &'a ActivationMap,
    region: AnalysedRegion,
    /// The largest value, or 0 when none is positive.
    largest: f32,
}

impl<'a> Overlay<'a> {
    /// `None` when the map's values do not fill its rows and columns or the region is empty.
    pub(super) fn new(number: usize, map: &'a ActivationMap, region: AnalysedRegion) -> Option<Self> {
        let cells = usize::try_from(u64::from(map.rows) * u64::from(map.columns)).ok()?;
        let fits = cells == map.values.len() && (1..=MAX_CELLS).contains(&cells);
        let seen = region.side > 0 && region.picture_width > 0 && region.picture_height > 0;
        let largest = map.values.iter().copied().filter(|value| value.is_finite()).fold(0.0, f32::max);
        (fits && seen).then_some(Self { number, map, region, largest })
    }

    pub(super) fn label(&self) -> &str {
        &self.map.label
    }

    /// Such as `7 × 7`.
    pub(super) fn cells(&self) -> String {
        format!("{} × {}", self.map.rows, self.map.columns)
    }

    /// The picture that stands elsewhere on the page under `picture_id`, with the map over it.
    pub(super) fn draw(&self, picture_id: &str) -> Markup {
        let AnalysedRegion { picture_width: width, picture_height: height, x, y, side } = self.region;
        let hatch = format!("hatch-{}", self.number);
        let step = f64::from(width.max(height)) / 48.0;
        let text = format!("Image {} with the activation map of {}", self.number, label(&self.map.label));
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
                @for margin in self.margins() { (margin.draw(&hatch, f64::from(width.max(height)))) }
                g shape-rendering="crispEdges" {
                    @for cell in self.coloured_cells() { (cell) }
                }
                rect x=(x) y=(y) width=(side) height=(side) fill="none" stroke="#fff" stroke-width=(number(step / 8.0)) {}
            }
        }
    }

    /// What the colours mean.
    pub(super) fn legend(&self) -> Markup {
        if self.largest <= 0.0 {
            return html! { span.legend { "No cell contributes positively: nothing is coloured." } };
        }
        html! {
            span.legend {
                svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                    rect x="0" y="0" width="100" height="8" fill="#808080" {}
                    @for (index, (colour, opacity)) in STEPS.iter().enumerate() {
                        rect x=(index * 20) y="0" width="20" height="8" fill=(colour) fill-opacity=(opacity) {}
                    }
                }
                span.scale {
                    @for bound in 0..=STEPS.len() {
                        span { (format!("{:.2}", self.largest * bound as f32 / STEPS.len() as f32)) }
                    }
                }
                "Contribution of a cell to the logit before averaging; only positive ones are coloured."
            }
        }
    }

    fn coloured_cells(&self) -> impl Iterator<Item = Markup> {
        let AnalysedRegion { x, y, side, .. } = self.region;
        let (wide, high) =
            (f64::from(side) / f64::from(self.map.columns), f64::from(side) / f64::from(self.map.rows));
        let columns = self.map.columns as usize;
        self.map.values.iter().enumerate().filter(|(_, value)| **value > 0.0).map(move |(index, value)| {
            let left = f64::from(x) + wide * (index % columns) as f64;
            let top = f64::from(y) + high * (index / columns) as f64;
            let step = (value / self.largest).clamp(0.0, 1.0) * STEPS.len() as f32;
            let (colour, opacity) = STEPS[(step as usize).min(STEPS.len() - 1)];
            html! {
                rect x=(number(left)) y=(number(top)) width=(number(wide)) height=(number(high))
                    fill=(colour) fill-opacity=(opacity) {
                    title { (format!("{value:+.2}")) }
                }
            }
        })
    }

    fn margins(&self) -> impl Iterator<Item = Margin> {
        let AnalysedRegion { picture_width, picture_height, x, y, side } = self.region;
        let [width, height, x, y, side] = [picture_width, picture_height, x, y, side].map(f64::from);
        [
            Margin { x: 0.0, y: 0.0, width: x, height },
            Margin { x: x + side, y: 0.0, width: width - x - side, height },
            Margin { x, y: 0.0, width: side, height: y },
            Margin { x, y: y + side, width: side, height: height - y - side },
        ]
        .into_iter()
        .filter(|margin| margin.width > 0.0 && margin.height > 0.0)
    }
}

/// A strip of the picture that was not analysed.
struct Margin {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

impl Margin {
    /// Hatched, and named where there is room for the words.
    fn draw(&self, hatch: &str, longest_side: f64) -> Markup {
        let letters = longest_side / 36.0;
        let (middle_x, middle_y) = (self.x + self.width / 2.0, self.y + self.height / 2.0);
        let upright = self.height > self.width;
        let turn = if upright { -90 } else { 0 };
        let fits = self.width.min(self.height) > letters * 1.3;
        html! {
            rect x=(number(self.x)) y=(number(self.y)) width=(number(self.width)) height=(number(self.height))
                fill=(format!("url(#{hatch})")) {}
            @if fits {
                text x=(number(middle_x)) y=(number(middle_y)) font-size=(number(letters)) text-anchor="middle"
                    dominant-baseline="central" fill="#fff" stroke="#000" stroke-width=(number(letters / 6.0))
                    paint-order="stroke"
                    transform=(format!("rotate({turn} {} {})", number(middle_x), number(middle_y))) {
                    "not analysed"
                }
            }
        }
    }
}

/// Hundredths of a pixel are enough.
fn number(value: f64) -> String {
    format!("{value:.2}")
}
