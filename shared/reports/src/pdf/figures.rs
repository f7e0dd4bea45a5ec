//! The picture of an image, alone and with its activation map over it at the resolution that the map has.

use hilum_events::AnalysedRegion;
use krilla::image::Image;

use super::Writer;
use super::colour::{Colour, GREY, INK, RED, WHITE};
use super::paint::{Area, Mark};
use super::sheets::{MARGIN, Sheets, WIDTH, leading, set_block};
use super::structure::Role;
use super::text::Run;
use crate::document::ImageEntry;
use crate::overlay::{Overlay, RelativeArea, STEPS};

/// Between the two figures.
const GAP: f32 = 14.0;
const COLUMN: f32 = (WIDTH - GAP) / 2.0;
const HIGHEST: f32 = 200.0;
const CAPTION_SIZE: f32 = 8.0;
const MARGIN_LABEL_SIZE: f32 = 7.0;
const LEGEND_WIDTH: f32 = 170.0;
const LEGEND_HEIGHT: f32 = 7.0;
const MID_GREY: Colour = Colour([0x80; 3]);

/// A figure and what stands below it.
struct Figure {
    alternative: String,
    marks: Vec<Mark>,
    /// One after the other, each a block of the column's width.
    captions: Vec<Vec<Run>>,
    legend: Legend,
}

/// What the colours and the hatching of a figure mean.
#[derive(Default)]
struct Legend {
    bounds: Option<[f32; STEPS.len() + 1]>,
    hatched: bool,
}

pub(super) fn figures(
    writer: &Writer<'_>,
    sheets: &mut Sheets<'_>,
    (number, image): (usize, &ImageEntry),
    picture: &Image,
) {
    let (width, height) = match &image.reading {
        Some(reading) if reading.region.picture_width > 0 && reading.region.picture_height > 0 => {
            (reading.region.picture_width, reading.region.picture_height)
        }
        _ => picture.size(),
    };
    let aspect = (width as f32 / height.max(1) as f32).clamp(0.05, 20.0);
    let shown_width = COLUMN.min(HIGHEST * aspect);
    let shown_height = shown_width / aspect;
    // Most of what stands below fits into six lines.
    sheets.need(shown_height + 6.0 * leading(CAPTION_SIZE));
    sheets.y += 6.0;
    let place = |column: f32| Area {
        x: MARGIN + column * (COLUMN + GAP),
        y: sheets.y,
        width: shown_width,
        height: shown_height,
    };
    let mut figures = vec![plain(writer, number, image, (picture, place(0.0)))];
    let overlay = image.reading.as_ref().and_then(|reading| Overlay::new(reading.top_map()?, reading.region));
    if let (Some(overlay), Some(reading)) = (overlay, &image.reading) {
        let mut figure = mapped(writer, number, &overlay, (picture, place(1.0)));
        if !reading.trained {
            figure.captions.push(vec![Run::bold_coloured(writer.words.untrained_map, RED)]);
        }
        figures.push(figure);
    }
    let top = sheets.y + shown_height + 3.0;
    let bottoms = figures.into_iter().enumerate().map(|(column, figure)| {
        let x = MARGIN + column as f32 * (COLUMN + GAP);
        figure.put(writer, sheets, (x, top))
    });
    sheets.y = bottoms.fold(top, f32::max);
}

fn plain(writer: &Writer<'_>, number: usize, image: &ImageEntry, (picture, area): (&Image, Area)) -> Figure {
    let words = writer.words;
    let (alternative, caption) = match &image.reading {
        Some(reading) => {
            let AnalysedRegion { picture_width, picture_height, .. } = reading.region;
            ((words.picture_alone)(number), (words.picture_of)(picture_width, picture_height))
        }
        None => ((words.picture_without_reading)(number), words.picture.to_owned()),
    };
    let marks = vec![Mark::Picture { area, picture: picture.clone() }];
    let captions = vec![vec![Run::coloured(caption, GREY)]];
    Figure { alternative, marks, captions, legend: Legend::default() }
}

fn mapped(
    writer: &Writer<'_>,
    number: usize,
    overlay: &Overlay<'_>,
    (picture, area): (&Image, Area),
) -> Figure {
    let words = writer.words;
    let label = writer.language.label(overlay.label());
    let AnalysedRegion { picture_width, picture_height, x, y, side } = overlay.region();
    let (wide, high) = (
        f64::from(area.width) / f64::from(picture_width),
        f64::from(area.height) / f64::from(picture_height),
    );
    let on_sheet = |place: RelativeArea| Area {
        x: area.x + (place.x * wide) as f32,
        y: area.y + (place.y * high) as f32,
        width: (place.width * wide) as f32,
        height: (place.height * high) as f32,
    };
    let mut marks = vec![Mark::Picture { area, picture: picture.clone() }];
    for margin in overlay.margins().map(on_sheet) {
        marks.push(Mark::Hatched { area: margin });
        marks.extend(margin_label(writer, margin));
    }
    marks.extend(overlay.cells().map(|cell| Mark::Filled {
        area: on_sheet(cell.area),
        colour: Colour(cell.step.rgb),
        opacity: cell.step.opacity,
    }));
    let [x, y, side] = [x, y, side].map(f64::from);
    let square = on_sheet(RelativeArea { x, y, width: side, height: side });
    marks.push(Mark::Outlined { area: square, colour: WHITE, thickness: 0.7 });
    let [before, between, after] = words.map_of;
    let caption = vec![
        Run::coloured(before, GREY),
        Run::bold_coloured(label.as_str(), GREY),
        Run::coloured(format!("{between}{}{after}", overlay.size()), GREY),
    ];
    let meaning = if overlay.bounds().is_some() { words.colours } else { words.nothing_coloured };
    Figure {
        alternative: (words.picture_with_map)(number, &label),
        marks,
        captions: vec![caption, vec![Run::coloured(meaning, GREY)]],
        legend: Legend { bounds: overlay.bounds(), hatched: overlay.margins().next().is_some() },
    }
}

/// Names what was cut off, along its longer side, where there is room for the words.
fn margin_label(writer: &Writer<'_>, area: Area) -> Vec<Mark> {
    let size = MARGIN_LABEL_SIZE;
    let run = Run::coloured(writer.words.not_analysed, WHITE);
    let long = writer.faces.width(&run.text, run.look.weight, size);
    let upright = area.height > area.width;
    let (shorter, longer) = if upright { (area.width, area.height) } else { (area.height, area.width) };
    if shorter < size * 1.5 || longer < long + 2.0 * size {
        return Vec::new();
    }
    let (middle_x, middle_y) = (area.x + area.width / 2.0, area.y + area.height / 2.0);
    let (width, height) = if upright { (size * 1.4, long + size) } else { (long + size, size * 1.4) };
    let behind = Area { x: middle_x - width / 2.0, y: middle_y - height / 2.0, width, height };
    // Capitals and Hangul stand some 0.35 of the size above and below their middle.
    let text = if upright {
        Mark::UprightText { x: middle_x + size * 0.35, baseline: middle_y + long / 2.0, size, run }
    } else {
        Mark::Text { x: middle_x - long / 2.0, baseline: middle_y + size * 0.35, size, run }
    };
    vec![Mark::Filled { area: behind, colour: INK, opacity: 0.8 }, text]
}

impl Figure {
    /// Puts it with what stands below it at `x` and `y`; says where that ends.
    fn put(self, writer: &Writer<'_>, sheets: &mut Sheets<'_>, (x, y): (f32, f32)) -> f32 {
        let mut y = y;
        sheets.within(Role::Figure(self.alternative), |sheets| sheets.put(self.marks));
        sheets.within(Role::Caption, |sheets| {
            for caption in &self.captions {
                let (marks, height) = set_block(sheets.faces, caption, CAPTION_SIZE, (x, y, COLUMN));
                sheets.put(marks);
                y += height;
            }
            y = self.legend.put(writer, sheets, (x, y + 2.0));
        });
        y
    }
}

impl Legend {
    fn put(&self, writer: &Writer<'_>, sheets: &mut Sheets<'_>, (x, y): (f32, f32)) -> f32 {
        let mut y = y;
        if let Some(bounds) = self.bounds {
            sheets.decorate(steps((x, y)));
            y += LEGEND_HEIGHT;
            sheets.put(numbers(writer, bounds, (x, y)));
            y += leading(CAPTION_SIZE);
        }
        if self.hatched {
            let swatch = Area { x, y: y + 1.5, width: 18.0, height: LEGEND_HEIGHT };
            let behind = Mark::solid(swatch, MID_GREY);
            sheets.decorate(vec![behind, Mark::Hatched { area: swatch }]);
            let run = Run::coloured(writer.words.not_analysed, GREY);
            let (marks, height) = set_block(sheets.faces, &[run], CAPTION_SIZE, (x + 24.0, y, COLUMN - 24.0));
            sheets.put(marks);
            y += height;
        }
        y
    }
}

/// The colours from weak to strong, over grey as over a picture.
fn steps((x, y): (f32, f32)) -> Vec<Mark> {
    let width = LEGEND_WIDTH / STEPS.len() as f32;
    let whole = Area { x, y, width: LEGEND_WIDTH, height: LEGEND_HEIGHT };
    let step = |(index, step): (usize, &crate::overlay::Step)| Mark::Filled {
        area: Area { x: x + index as f32 * width, width, ..whole },
        colour: Colour(step.rgb),
        opacity: step.opacity,
    };
    std::iter::once(Mark::solid(whole, MID_GREY)).chain(STEPS.iter().enumerate().map(step)).collect()
}

/// The values between the colours, each under its border.
fn numbers(writer: &Writer<'_>, bounds: [f32; STEPS.len() + 1], (x, y): (f32, f32)) -> Vec<Mark> {
    let last = bounds.len() - 1;
    let number = |(index, bound): (usize, &f32)| {
        // A space parts it from the next for those who copy it.
        let run = Run::coloured(format!("{bound:.2} "), GREY);
        let width = writer.faces.width(run.text.trim_end(), run.look.weight, CAPTION_SIZE);
        let border = x + LEGEND_WIDTH * index as f32 / last as f32;
        let before = if index == 0 {
            0.0
        } else if index == last {
            width
        } else {
            width / 2.0
        };
        Mark::Text { x: border - before, baseline: y + CAPTION_SIZE * 1.03, size: CAPTION_SIZE, run }
    };
    bounds.iter().enumerate().map(number).collect()
}
