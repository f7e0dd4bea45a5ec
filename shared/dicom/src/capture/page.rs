//! The layout of a picture: what it is not along the top, the image with its activation map at the left, the numbers at
//! the right.

use hilum_reports::{ReadingEntry, UNTRAINED_NOTICE};
use image::GrayImage;

use super::canvas::{BLACK, BLUE, Canvas, DIM, GREY, HEIGHT, ORANGE, RED, Rect, WHITE, WIDTH};
use super::face::Face;
use super::{overlay, words};
use crate::codes::spoken;
use crate::subject::{Image, Subject};

const MARGIN: i32 = 24;
const PICTURE: Rect = Rect { x: MARGIN, y: 104, width: 512, height: 512 };
/// Left edge of the right column.
const RIGHT: i32 = PICTURE.x + PICTURE.width + MARGIN;
const RIGHT_WIDTH: i32 = WIDTH as i32 - RIGHT - MARGIN;
const ROW: i32 = 22;
/// Most labels shown.
const ROWS_MAX: usize = 20;

/// What stands in the place of the picture.
pub(super) enum Sight<'a> {
    Shown(GrayImage),
    /// Why there is none.
    Missing(&'a str),
}

pub(super) fn draw(
    subject: &Subject<'_>,
    image: &Image<'_>,
    reading: &ReadingEntry,
    sight: &Sight<'_>,
) -> Canvas {
    let mut canvas = Canvas::new();
    banners(&mut canvas, subject, reading);
    let legend = draw_sight(&mut canvas, reading, sight);
    draw_legend(&mut canvas, reading, legend);
    let y = head(&mut canvas, subject, image);
    let y = table(&mut canvas, reading, y);
    notices(&mut canvas, &notes(subject, image, reading), y);
    foot(&mut canvas, subject, reading);
    canvas
}

fn banners(canvas: &mut Canvas, subject: &Subject<'_>, reading: &ReadingEntry) {
    let face = Face::bold(30.0);
    canvas.fill(Rect { x: 0, y: 0, width: WIDTH as i32, height: 46 }, RED, 256);
    let text = format!("AI RESULT. {}", subject.report.disclaimer);
    face.draw(canvas, MARGIN, 8, WHITE, &face.shortened(&text, (WIDTH as i32 - 2 * MARGIN) as f32));
    if !reading.trained {
        canvas.fill(Rect { x: 0, y: 46, width: WIDTH as i32, height: 42 }, ORANGE, 256);
        let face = Face::bold(26.0);
        let text = face.shortened(UNTRAINED_NOTICE, (WIDTH as i32 - 2 * MARGIN) as f32);
        face.draw(canvas, MARGIN, 54, BLACK, &text);
    }
}

/// The strongest contribution, when a map was drawn.
fn draw_sight(canvas: &mut Canvas, reading: &ReadingEntry, sight: &Sight<'_>) -> Option<f32> {
    match sight {
        Sight::Shown(grey) => {
            let taken = overlay::draw_picture(canvas, grey, PICTURE);
            let map = reading.top_map();
            let largest = map.and_then(|map| overlay::draw_map(canvas, taken, reading.region, map));
            overlay::draw_region(canvas, taken, reading.region);
            largest
        }
        Sight::Missing(reason) => {
            canvas.outline(PICTURE, DIM);
            let face = Face::regular(22.0);
            let text = format!("No picture: {reason}.");
            paragraph(canvas, &face, &text, [PICTURE.x + 16, PICTURE.y + 16, PICTURE.width - 32]);
            None
        }
    }
}

fn draw_legend(canvas: &mut Canvas, reading: &ReadingEntry, largest: Option<f32>) {
    let (face, mut y) = (Face::regular(19.0), PICTURE.y + PICTURE.height + 8);
    if let (Some(largest), Some(map)) = (largest, reading.top_map()) {
        let width = PICTURE.width / overlay::STEPS.len() as i32;
        for (step, (colour, cover)) in (0..).zip(overlay::STEPS) {
            let rect = Rect { x: PICTURE.x + step * width, y, width, height: 12 };
            canvas.fill(rect, [128; 3], 256);
            canvas.fill(rect, colour, cover);
            let bound = largest * step as f32 / overlay::STEPS.len() as f32;
            face.draw(canvas, rect.x, y + 14, GREY, &format!("{bound:.2}"));
        }
        y += 36;
        let text = format!(
            "Activation map of {}, {} × {} cells: contribution to the logit. Not an outline of anything. Hatched: cut off, \
             not analysed.",
            spoken(&map.label),
            map.rows,
            map.columns
        );
        paragraph(canvas, &face, &text, [PICTURE.x, y, PICTURE.width]);
    } else {
        let text = "No activation map. Hatched: cut off, not analysed.";
        paragraph(canvas, &face, text, [PICTURE.x, y, PICTURE.width]);
    }
}

fn head(canvas: &mut Canvas, subject: &Subject<'_>, image: &Image<'_>) -> i32 {
    let face = Face::bold(26.0);
    let text = face.shortened(&words::image(subject, image), RIGHT_WIDTH as f32);
    face.draw(canvas, RIGHT, PICTURE.y - 4, WHITE, &text);
    PICTURE.y + 30
}

/// Label, bar, score and raw output, highest score first; gives where it ends.
fn table(canvas: &mut Canvas, reading: &ReadingEntry, top: i32) -> i32 {
    const BAR: i32 = 210;
    const BAR_WIDTH: i32 = 100;
    const SCORE: i32 = 320;
    const OUTPUT: i32 = 380;
    let (face, bold) = (Face::regular(19.0), Face::bold(19.0));
    for (x, title) in [(0, "Finding"), (SCORE, "Score"), (OUTPUT, "Output")] {
        bold.draw(canvas, RIGHT + x, top, GREY, title);
    }
    let (ranked, mut y) = (reading.ranked(), top + ROW);
    for finding in ranked.iter().take(ROWS_MAX) {
        let [label, score, output] = words::finding(finding);
        let is_above = reading.trained && finding.operating_point_score.is_some_and(|score| score >= 0.5);
        let (face, colour) = if is_above { (&bold, WHITE) } else { (&face, GREY) };
        face.draw(canvas, RIGHT, y, colour, &face.shortened(&label, (BAR - 8) as f32));
        if let Some(score) = finding.operating_point_score {
            let bar = Rect { x: RIGHT + BAR, y: y + 4, width: BAR_WIDTH, height: ROW - 10 };
            canvas.fill(bar, DIM, 256);
            let width = (score.clamp(0.0, 1.0) * BAR_WIDTH as f32).round() as i32;
            canvas.fill(Rect { width, ..bar }, BLUE, 256);
            // The operating point.
            canvas.fill(Rect { x: bar.x + BAR_WIDTH / 2, width: 1, ..bar }, WHITE, 256);
        }
        face.draw(canvas, RIGHT + SCORE, y, colour, &score);
        face.draw(canvas, RIGHT + OUTPUT, y, colour, &output);
        y += ROW;
    }
    if ranked.len() > ROWS_MAX {
        let text = format!("{} further findings are in the report only", ranked.len() - ROWS_MAX);
        face.draw(canvas, RIGHT, y, GREY, &text);
        y += ROW;
    }
    y + 6
}

/// What to bear in mind, whose the image is first.
fn notes(subject: &Subject<'_>, image: &Image<'_>, reading: &ReadingEntry) -> Vec<String> {
    let doubts = subject.report.doubts_about(image.entry.job_id);
    let texts = doubts.map(|doubt| &doubt.text).chain(reading.notices.iter().map(|notice| &notice.text));
    texts.cloned().collect()
}

fn notices(canvas: &mut Canvas, notes: &[String], top: i32) {
    let face = Face::regular(18.0);
    let text = "Score: 0.5 is the operating point; it ranks and is no probability of disease.";
    let mut y = paragraph(canvas, &face, text, [RIGHT, top, RIGHT_WIDTH]);
    for note in notes {
        let last_line = HEIGHT as i32 - 100;
        if y > last_line {
            break;
        }
        y = paragraph(canvas, &face, &format!("Note: {note}"), [RIGHT, y + 2, RIGHT_WIDTH]);
    }
}

fn foot(canvas: &mut Canvas, subject: &Subject<'_>, reading: &ReadingEntry) {
    let face = Face::regular(17.0);
    let y = HEIGHT as i32 - 48;
    canvas.fill(Rect { x: 0, y: y - 6, width: WIDTH as i32, height: 1 }, DIM, 256);
    let width = (WIDTH as i32 - 2 * MARGIN) as f32;
    face.draw(canvas, MARGIN, y, GREY, &face.shortened(&words::report(subject), width));
    let text = format!("{}. {}", words::model(reading), words::document(subject));
    face.draw(canvas, MARGIN, y + 20, GREY, &face.shortened(&text, width));
}

/// Draws lines from the top left corner, of at most the given width; gives where they end.
fn paragraph(canvas: &mut Canvas, face: &Face, text: &str, [x, y, width]: [i32; 3]) -> i32 {
    let mut y = y;
    for line in face.lines(text, width as f32) {
        face.draw(canvas, x, y, GREY, &line);
        y += 20;
    }
    y
}
