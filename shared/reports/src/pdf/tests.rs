//! What the layout of a report must keep: everything on its sheet, everything in the faces, nothing lost.

use hilum_events::{AnalysedRegion, BlobRef};

use super::paint::{Area, Mark};
use super::sheets::{MARGIN, SHEET_HEIGHT, SHEET_WIDTH};
use super::structure::{Child, PieceKind, Role};
use super::*;
use crate::document::ImageEntry;
use crate::pictures::Picture;
use crate::samples::{incomplete, one_of_each, picture, revised};

/// Lays out `report` in `language` and looks at it.
fn laid_out<T>(report: &Report, language: Language, look: impl FnOnce(&Sheets<'_>) -> T) -> T {
    let Choice::Shown { previews, .. } = choice(report) else { panic!("they are shown") };
    let shown = |preview: BlobRef| (preview.sha256, Picture::Shown { png: picture(64, 52) });
    let pictures: Pictures = previews.into_iter().map(shown).collect();
    let faces = Faces::read().unwrap();
    let json_sha256 = Sha256Digest::of(b"json");
    let writer = Writer {
        report,
        json_sha256: &json_sha256,
        language,
        words: language.words(),
        faces: &faces,
        choice: choice(report),
        decoded: grey::decoded(&pictures),
        pictures: &pictures,
    };
    look(&lay_out(&writer))
}

/// Each with the number of its sheet.
fn marks<'a>(sheets: &'a Sheets<'_>) -> impl Iterator<Item = (usize, &'a Mark)> {
    let pieces = sheets.sheets.iter().enumerate();
    pieces.flat_map(|(number, sheet)| {
        sheet.iter().flat_map(move |piece| piece.marks.iter().map(move |mark| (number, mark)))
    })
}

fn area(mark: &Mark, faces: &Faces) -> Area {
    match mark {
        Mark::Text { x, baseline, size, run } => {
            let width = faces.width(run.text.trim_end(), run.look.weight, *size);
            Area { x: *x, y: baseline - size, width, height: size * 1.3 }
        }
        Mark::UprightText { x, baseline, size, run } => {
            let length = faces.width(&run.text, run.look.weight, *size);
            Area { x: x - size, y: baseline - length, width: *size, height: length }
        }
        Mark::Filled { area, .. }
        | Mark::Outlined { area, .. }
        | Mark::Hatched { area }
        | Mark::Picture { area, .. } => *area,
    }
}

fn assert_all_is_on_the_sheet(sheets: &Sheets<'_>) {
    for (number, mark) in marks(sheets) {
        let Area { x, y, width, height } = area(mark, sheets.faces);
        let inside = x >= MARGIN - 1.0
            && x + width <= SHEET_WIDTH - MARGIN + 1.0
            && y >= 20.0
            && y + height <= SHEET_HEIGHT - 20.0;
        assert!(inside, "on sheet {number}: {mark:?}");
    }
}

/// Images with other jobs and pictures, as many as asked for, 18 findings each.
fn long(images: usize) -> Report {
    let mut report = one_of_each();
    let mut first = report.images[0].clone();
    let reading = first.reading.as_mut().unwrap();
    reading.findings = vec![reading.findings[0].clone(); 18];
    let numbered = |number: usize| {
        let sha256 = Sha256Digest::of(&number.to_be_bytes());
        let preview = Some(BlobRef { key: format!("sha256/{sha256}"), sha256, size_bytes: 1000 });
        ImageEntry { preview, ..first.clone() }
    };
    report.images = (0..images).map(numbered).collect();
    report
}

#[test]
fn all_of_a_report_is_on_its_sheets_in_every_language() {
    for language in Language::ALL {
        for report in [one_of_each(), incomplete(), long(5)] {
            laid_out(&report, language, assert_all_is_on_the_sheet);
        }
    }
}

#[test]
fn two_hundred_images_take_about_a_sheet_each() {
    laid_out(&long(200), Language::Korean, |sheets| {
        assert!((150..=260).contains(&sheets.sheets.len()), "{} sheets", sheets.sheets.len());
        assert_all_is_on_the_sheet(sheets);
    });
}

#[test]
fn an_image_that_is_only_listed_takes_a_line() {
    let [most, more] = [CARDS, CARDS + 50].map(|images| {
        laid_out(&long(images), Language::English, |sheets| {
            assert_all_is_on_the_sheet(sheets);
            sheets.sheets.len()
        })
    });
    assert!((most..most + 4).contains(&more), "{most} and {more} sheets");
}

#[test]
fn the_faces_have_every_letter_of_every_sentence() {
    for language in Language::ALL {
        for report in [one_of_each(), incomplete()] {
            laid_out(&report, language, |sheets| {
                for (_, mark) in marks(sheets) {
                    if let Mark::Text { run, .. } | Mark::UprightText { run, .. } = mark {
                        let face = sheets.faces.of(run.look.weight);
                        let lacking: Vec<char> =
                            run.text.chars().filter(|letter| !face.has(*letter)).collect();
                        assert!(lacking.is_empty(), "{lacking:?} of {:?}", run.text);
                    }
                }
            });
        }
    }
}

#[test]
fn a_picture_and_its_heading_stay_on_one_sheet() {
    laid_out(&long(6), Language::English, |sheets| {
        let sheet_of = |wanted: fn(&Role) -> bool| -> Vec<usize> {
            let nodes = sheets.nodes.iter().filter(|node| wanted(&node.role));
            let first = |child: Option<&Child>| match child {
                Some(Child::Piece { sheet, .. }) => *sheet,
                other => panic!("{other:?}"),
            };
            nodes.map(|node| first(node.children.first())).collect()
        };
        let headings = sheet_of(|role| matches!(role, Role::Heading(2, title) if title.starts_with("Image")));
        let figures = sheet_of(|role| matches!(role, Role::Figure(_)));
        assert_eq!((headings.len(), figures.len()), (6, 12));
        let of_each: Vec<usize> = figures.chunks(2).map(|pair| pair[0]).collect();
        assert_eq!(headings, of_each);
    });
}

#[test]
fn every_piece_that_says_something_has_its_place_in_the_structure_once() {
    laid_out(&revised(), Language::English, |sheets| {
        let children = sheets.nodes.iter().flat_map(|node| &node.children);
        let mut told: Vec<(usize, usize)> = children
            .filter_map(|child| match child {
                Child::Piece { sheet, piece } => Some((*sheet, *piece)),
                Child::Node(_) => None,
            })
            .collect();
        told.sort_unstable();
        let pieces = sheets.sheets.iter().enumerate().flat_map(|(number, sheet)| {
            let content = sheet.iter().enumerate().filter(|(_, piece)| piece.kind == PieceKind::Content);
            content.map(move |(index, _)| (number, index))
        });
        assert_eq!(told, pieces.collect::<Vec<_>>());
    });
}

#[test]
fn cells_lie_over_what_was_analysed_and_the_rest_is_hatched() {
    laid_out(&one_of_each(), Language::English, |sheets| {
        let first: Vec<_> = marks(sheets).filter(|(sheet, _)| *sheet == 0).map(|(_, mark)| mark).collect();
        let mut pictures = first.iter().filter_map(|mark| match mark {
            Mark::Picture { area, .. } => Some(*area),
            _ => None,
        });
        let under_the_map = pictures.next_back().unwrap();
        let scale = under_the_map.width / 640.0;
        let hatched: Vec<Area> = first
            .iter()
            .filter_map(|mark| match mark {
                Mark::Hatched { area } if area.x >= under_the_map.x => Some(*area),
                _ => None,
            })
            .collect();
        // Two margins, and the swatch of the legend.
        assert_eq!(hatched.len(), 3);
        assert!((hatched[0].width - 58.0 * scale).abs() < 0.01, "{hatched:?}");
        let cells =
            first.iter().filter(|mark| matches!(mark, Mark::Filled { opacity, .. } if *opacity < 0.6));
        // 48 of 49 values are positive; five steps of the legend.
        assert_eq!(cells.count(), 48 + 5);
    });
}

#[test]
fn a_map_that_does_not_fit_its_picture_is_left_out() {
    let mut report = one_of_each();
    for reading in report.images.iter_mut().filter_map(|image| image.reading.as_mut()) {
        reading.region = AnalysedRegion { side: 0, picture_width: 0, ..reading.region };
    }
    laid_out(&report, Language::English, |sheets| {
        assert!(!marks(sheets).any(|(_, mark)| matches!(mark, Mark::Hatched { .. })));
        assert_all_is_on_the_sheet(sheets);
    });
}
