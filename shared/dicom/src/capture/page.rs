//! The layout of a picture: what it is not and what it lacks along the top, the image as it is at the left, the same with
//! its activation map beside it, the numbers at the right. Words are never cut off: the picture grows with them, and of a
//! list that is too long the number of those that were left out is said.

#[cfg(test)]
mod tests;

use hilum_reports::{ReadingEntry, UNTRAINED_NOTICE};
use image::GrayImage;

use super::canvas::{
    BLACK, BLUE, Canvas, DIM, GREY, HEIGHT_MAX, ORANGE, RED, Rect, Rgb, WHITE, WIDTH, YELLOW,
};
use super::face::Face;
use super::{overlay, words};
use crate::codes::spoken;
use crate::subject::{Image, Subject};

const MARGIN: i32 = 24;
/// Between one column and the next.
const GAP: i32 = 16;
/// Longest side of the picture.
const SIDE: i32 = super::SIDE_MAX_PX as i32;
/// Left edges of the columns: the picture as it is, the one with the map, the numbers.
const CLEAN: i32 = MARGIN;
const MAPPED: i32 = CLEAN + SIDE + GAP;
const NUMBERS: i32 = MAPPED + SIDE + GAP;
const NUMBERS_WIDTH: i32 = FULL_WIDTH - NUMBERS + MARGIN;
const FULL_WIDTH: i32 = WIDTH as i32 - 2 * MARGIN;
/// Most lines of labels, of what is missing, and of notes.
const LABEL_LINES_MAX: usize = 24;
const MISSING_LINES_MAX: usize = 6;
const NOTE_LINES_MAX: usize = 16;

/// The picture of an image, or why there is none.
pub(super) enum PictureOrReason<'a> {
    Shown(GrayImage),
    /// A phrase for people.
    Missing(&'a str),
}

pub(super) fn draw(
    subject: &Subject<'_>,
    image: &Image<'_>,
    reading: &ReadingEntry,
    shown: &PictureOrReason<'_>,
) -> Canvas {
    let mut canvas = Canvas::new();
    let top = banners(&mut canvas, subject, reading) + 10;
    let (below, largest) = pictures(&mut canvas, reading, shown, top);
    let columns = [
        notes(&mut canvas, subject, image, reading, below),
        match shown {
            PictureOrReason::Shown(_) => legend(&mut canvas, reading, largest, below),
            PictureOrReason::Missing(_) => below,
        },
        numbers(&mut canvas, subject, image, reading, top),
    ];
    let end = foot(&mut canvas, subject, reading, columns.into_iter().max().unwrap_or(below) + 12);
    debug_assert!(end <= HEIGHT_MAX as i32, "a picture has no room for its words");
    canvas.end_at(end.min(HEIGHT_MAX as i32));
    canvas
}

/// What the picture is not, and what it lacks; gives where they end.
fn banners(canvas: &mut Canvas, subject: &Subject<'_>, reading: &ReadingEntry) -> i32 {
    let (large, small) = (Face::bold(26.0), Face::bold(20.0));
    let text = format!("AI RESULT. {}", subject.report.disclaimer);
    let mut y = banner(canvas, 0, [RED, WHITE], &[(&large, large.lines(&text, FULL_WIDTH))]);
    if subject.is_incomplete() {
        let text = format!("INCOMPLETE. {}", words::readings(subject));
        let missing = bounded(&small, words::missing(subject), FULL_WIDTH, MISSING_LINES_MAX);
        let lines = [(&large, large.lines(&text, FULL_WIDTH)), (&small, missing)];
        y = banner(canvas, y, [YELLOW, BLACK], &lines);
    }
    if !reading.trained {
        y = banner(canvas, y, [ORANGE, BLACK], &[(&large, large.lines(UNTRAINED_NOTICE, FULL_WIDTH))]);
    }
    y
}

/// A stripe from edge to edge with these lines; gives where it ends.
fn banner(canvas: &mut Canvas, top: i32, [ground, ink]: [Rgb; 2], parts: &[(&Face, Vec<String>)]) -> i32 {
    const PADDING: i32 = 6;
    let height: i32 = parts.iter().map(|(face, lines)| face.line_height() * lines.len() as i32).sum();
    let height = height + 2 * PADDING;
    canvas.fill(Rect { x: 0, y: top, width: WIDTH as i32, height }, ground, 256);
    let mut y = top + PADDING;
    for (face, lines) in parts {
        y = draw_lines(canvas, face, ink, lines, [MARGIN, y]);
    }
    top + height
}

/// The picture twice: as it is, so that nothing hides what stands at its border, such as the mark of a side, and with the
/// map. Gives where they end, and the strongest contribution when a map was drawn.
fn pictures(
    canvas: &mut Canvas,
    reading: &ReadingEntry,
    shown: &PictureOrReason<'_>,
    top: i32,
) -> (i32, Option<f32>) {
    let face = Face::regular(19.0);
    let y = top + face.line_height() + 4;
    let place = |x| Rect { x, y, width: SIDE, height: SIDE };
    let largest = match shown {
        PictureOrReason::Shown(grey) => {
            face.draw(canvas, CLEAN, top, GREY, "The picture, reduced, with nothing drawn over it");
            overlay::draw_picture(canvas, grey, place(CLEAN));
            let taken = overlay::draw_picture(canvas, grey, place(MAPPED));
            let map = reading.top_map();
            let largest = map.and_then(|map| overlay::draw_map(canvas, taken, reading.region, map));
            overlay::draw_region(canvas, taken, reading.region);
            let caption = if largest.is_some() { "The same with the activation map" } else { "The same" };
            face.draw(canvas, MAPPED, top, GREY, caption);
            largest
        }
        PictureOrReason::Missing(reason) => {
            canvas.outline(place(CLEAN), DIM);
            let text = format!("No picture: {reason}.");
            let lines = bounded(&face, [text], SIDE - 2 * GAP, NOTE_LINES_MAX);
            draw_lines(canvas, &face, GREY, &lines, [CLEAN + GAP, y + GAP]);
            None
        }
    };
    (y + SIDE + 8, largest)
}

/// What the colours mean; gives where it ends.
fn legend(canvas: &mut Canvas, reading: &ReadingEntry, largest: Option<f32>, top: i32) -> i32 {
    let (face, mut y) = (Face::regular(19.0), top);
    let text = match (largest, reading.top_map()) {
        (Some(largest), Some(map)) => {
            y = scale(canvas, &face, largest, y);
            format!(
                "Activation map of {}, {} × {} cells: contribution to the logit. Not an outline of anything. Hatched: cut \
                 off, not analysed.",
                spoken(&map.label),
                map.rows,
                map.columns
            )
        }
        _ => "No activation map. Hatched: cut off, not analysed.".to_owned(),
    };
    draw_lines(canvas, &face, GREY, &face.lines(&text, SIDE), [MAPPED, y])
}

fn scale(canvas: &mut Canvas, face: &Face, largest: f32, y: i32) -> i32 {
    let width = SIDE / overlay::STEPS.len() as i32;
    for (step, (colour, cover)) in (0..).zip(overlay::STEPS) {
        let rect = Rect { x: MAPPED + step * width, y, width, height: 12 };
        canvas.fill(rect, [128; 3], 256);
        canvas.fill(rect, colour, cover);
        let bound = largest * step as f32 / overlay::STEPS.len() as f32;
        face.draw(canvas, rect.x, y + 14, GREY, &format!("{bound:.2}"));
    }
    y + 14 + face.line_height() + 2
}

/// What to bear in mind, whose the image is first; gives where it ends.
fn notes(
    canvas: &mut Canvas,
    subject: &Subject<'_>,
    image: &Image<'_>,
    reading: &ReadingEntry,
    top: i32,
) -> i32 {
    let face = Face::regular(19.0);
    let doubts = subject.report.doubts_about(image.entry.job_id);
    let doubts = doubts.map(|doubt| format!("CHECK whose image this is: {}", doubt.text));
    let notices = reading.notices.iter().map(|notice| format!("Note: {}", notice.text));
    let lines = bounded(&face, doubts.chain(notices), SIDE, NOTE_LINES_MAX);
    draw_lines(canvas, &face, ORANGE, &lines, [CLEAN, top])
}

/// Which image it is and what was said of it; gives where it ends.
fn numbers(
    canvas: &mut Canvas,
    subject: &Subject<'_>,
    image: &Image<'_>,
    reading: &ReadingEntry,
    top: i32,
) -> i32 {
    let (title, face) = (Face::bold(26.0), Face::regular(19.0));
    let lines = title.lines(&words::image(subject, image), NUMBERS_WIDTH);
    let mut y = draw_lines(canvas, &title, WHITE, &lines, [NUMBERS, top]);
    // What is incomplete says so above.
    let readings = (!subject.is_incomplete()).then(|| words::readings(subject));
    for text in words::again(image).into_iter().chain(readings) {
        y = draw_lines(canvas, &face, GREY, &face.lines(&text, NUMBERS_WIDTH), [NUMBERS, y]);
    }
    let y = table(canvas, reading, y + 8);
    let text = "Score: 0.5 is the operating point; it ranks and is no probability of disease.";
    draw_lines(canvas, &face, GREY, &face.lines(text, NUMBERS_WIDTH), [NUMBERS, y + 6])
}

/// Label, bar, score and raw output, highest score first; gives where it ends.
fn table(canvas: &mut Canvas, reading: &ReadingEntry, top: i32) -> i32 {
    const BAR: i32 = 210;
    const BAR_WIDTH: i32 = 100;
    const SCORE: i32 = 320;
    const OUTPUT: i32 = 380;
    let (regular, bold) = (Face::regular(19.0), Face::bold(19.0));
    for (x, title) in [(0, "Finding"), (SCORE, "Score"), (OUTPUT, "Output")] {
        bold.draw(canvas, NUMBERS + x, top, GREY, title);
    }
    let row = bold.line_height() + 1;
    let (ranked, mut y, mut lines_left) = (reading.ranked(), top + row, LABEL_LINES_MAX);
    for (told, finding) in ranked.iter().enumerate() {
        let [label, score, output] = words::finding(finding);
        let is_above = reading.trained && finding.operating_point_score.is_some_and(|score| score >= 0.5);
        let (face, colour) = if is_above { (&bold, WHITE) } else { (&regular, GREY) };
        let lines = face.lines(&label, BAR - 8);
        let Some(left) = lines_left.checked_sub(lines.len()) else {
            let text = format!("And {} more, in the report only.", ranked.len() - told);
            return draw_lines(canvas, &regular, GREY, &[text], [NUMBERS, y]);
        };
        lines_left = left;
        if let Some(score) = finding.operating_point_score {
            let bar = Rect { x: NUMBERS + BAR, y: y + 5, width: BAR_WIDTH, height: row - 10 };
            canvas.fill(bar, DIM, 256);
            let width = (score.clamp(0.0, 1.0) * BAR_WIDTH as f32).round() as i32;
            canvas.fill(Rect { width, ..bar }, BLUE, 256);
            // The operating point.
            canvas.fill(Rect { x: bar.x + BAR_WIDTH / 2, width: 1, ..bar }, WHITE, 256);
        }
        face.draw(canvas, NUMBERS + SCORE, y, colour, &score);
        face.draw(canvas, NUMBERS + OUTPUT, y, colour, &output);
        y = draw_lines(canvas, face, colour, &lines, [NUMBERS, y]) + 1;
    }
    y
}

/// Which report it is; gives where the picture ends.
fn foot(canvas: &mut Canvas, subject: &Subject<'_>, reading: &ReadingEntry, top: i32) -> i32 {
    let face = Face::regular(17.0);
    canvas.fill(Rect { x: 0, y: top, width: WIDTH as i32, height: 1 }, DIM, 256);
    let made_of = format!("{}. {}", words::model(reading), words::document(subject));
    let mut y = top + 6;
    for text in [words::report(subject), made_of] {
        y = draw_lines(canvas, &face, GREY, &face.lines(&text, FULL_WIDTH), [MARGIN, y]);
    }
    y + 6
}

/// The lines of as many of the texts as have room, and how many more there are.
fn bounded(
    face: &Face,
    texts: impl IntoIterator<Item = String>,
    width: i32,
    lines_max: usize,
) -> Vec<String> {
    let texts: Vec<_> = texts.into_iter().collect();
    let mut lines = Vec::new();
    for (told, text) in texts.iter().enumerate() {
        let more = face.lines(text, width);
        // One line is kept for how many more there are.
        if lines.len() + more.len() > lines_max - usize::from(told + 1 < texts.len()) {
            lines.push(format!("And {} more, in the report only.", texts.len() - told));
            break;
        }
        lines.extend(more);
    }
    lines
}

/// Draws lines from the top left corner; gives where they end.
fn draw_lines(canvas: &mut Canvas, face: &Face, colour: Rgb, lines: &[String], [x, y]: [i32; 2]) -> i32 {
    let mut y = y;
    for line in lines {
        face.draw(canvas, x, y, colour, line);
        y += face.line_height();
    }
    y
}
