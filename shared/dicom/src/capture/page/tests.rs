//! What stands in a picture, and that it stands there whole.

use hilum_events::{MediaType, Sha256Digest, samples::job_id};
use hilum_reports::{Completeness, Doubt, ImageStatus, Missing, Report, samples};
use image::Luma;

use super::*;
use crate::Sources;

/// The picture of the first image of `report`, with the words in it.
fn drawn(report: &Report, shown: &PictureOrReason<'_>) -> Canvas {
    let (hash, sources) = (Sha256Digest::of(b"document"), Sources::default());
    let subject = Subject::new(report, &hash, &sources).expect("pictures without a patient");
    let image = subject.images().remove(0);
    draw(&subject, &image, image.entry.reading.as_ref().expect("it is read"), shown)
}

fn words_of(canvas: &Canvas) -> String {
    canvas.written.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" ")
}

/// As a report tells of PNG files, which need no headers.
fn pictures(mut report: Report) -> Report {
    for image in &mut report.images {
        (image.media_type, image.dicom) = (MediaType::Png, None);
    }
    report
}

/// Of so many images, those after the first `read` without a reading.
fn study(read: usize, images: usize) -> Report {
    let mut report = pictures(samples::one_of_each());
    let first = report.images.swap_remove(0);
    report.images = (0..images)
        .map(|index| {
            let mut image = first.clone();
            (image.job_id, image.sha256) =
                (job_id(index as u128 + 1), Sha256Digest::of(&index.to_be_bytes()));
            if index >= read {
                (image.reading, image.status) = (None, ImageStatus::Failed);
            }
            image
        })
        .collect();
    report
}

/// With all that could be long.
fn wordy() -> Report {
    let mut report = study(1, 200);
    report.study_ref = Some("W".repeat(64).parse().expect("fits the rule"));
    let series = |number: u32| Missing::Series { name: format!("series-{number}-{}", "x".repeat(40)) };
    let missing = [Missing::Images { expected: 400, arrived: 200 }, Missing::Beyond { most: 200 }];
    report.completeness = Some(Completeness {
        complete: false,
        missing: missing.into_iter().chain((1..30).map(series)).collect(),
    });
    let numbered: Vec<_> = (1..).zip(&report.images).map(|(number, image)| (number, image.job_id)).collect();
    report.doubts = vec![Doubt::without_patient(&numbered), Doubt::instance_twice(&numbered)];
    let reading = report.images[0].reading.as_mut().expect("it is read");
    let finding = reading.findings[0].clone();
    reading.findings = (0..60)
        .map(|number| {
            let label = match number % 3 {
                0 => format!("Enlarged_Cardiomediastinum_of_the_{number}_th_kind_with_a_name_without_end"),
                1 => format!("{number}{}", "unbreakable".repeat(5)),
                _ => format!("결절 {number}"),
            };
            hilum_events::Finding { label, ..finding.clone() }
        })
        .collect();
    reading.activation_maps.iter_mut().for_each(|map| map.label = reading.findings[0].label.clone());
    let notice = reading.notices[0].clone();
    reading.notices = (0..40)
        .map(|number| hilum_events::Notice {
            text: format!("{number}: {} of it", notice.text.repeat(3)),
            ..notice.clone()
        })
        .collect();
    report
}

fn trained(mut report: Report) -> Report {
    report.images.iter_mut().filter_map(|image| image.reading.as_mut()).for_each(|it| it.trained = true);
    report
}

fn grey() -> PictureOrReason<'static> {
    PictureOrReason::Shown(GrayImage::from_fn(500, 400, |x, y| Luma([((x * 7 + y * 3) % 251) as u8])))
}

#[test]
fn nothing_is_cut_off_and_no_words_lie_over_others() {
    let of_twelve = pictures(samples::incomplete());
    let reports =
        [study(1, 1), study(5, 5), study(3, 5), study(2, 200), of_twelve, wordy(), trained(wordy())];
    let long = "the file is damaged ".repeat(60);
    for report in reports {
        for shown in [grey(), PictureOrReason::Missing("none was kept"), PictureOrReason::Missing(&long)] {
            let canvas = drawn(&report, &shown);
            let (width, height) = (WIDTH as i32, canvas.height() as i32);
            for (number, (place, text)) in canvas.written.iter().enumerate() {
                let Rect { x, y, width: wide, height: high } = *place;
                assert!(x >= 0 && y >= 0 && x + wide <= width && y + high <= height, "{text} at {place:?}");
                assert!(!text.contains('…'), "{text}");
                for (other, its_text) in &canvas.written[number + 1..] {
                    let apart = x + wide <= other.x
                        || other.x + other.width <= x
                        || y + high <= other.y
                        || other.y + other.height <= y;
                    assert!(apart, "{text} at {place:?} lies over {its_text} at {other:?}");
                }
            }
            let pictures =
                if matches!(shown, PictureOrReason::Shown(_)) { vec![CLEAN, MAPPED] } else { Vec::new() };
            let top = canvas.written.iter().find(|(_, text)| text.starts_with("The picture, reduced"));
            for (left, (caption, _)) in
                pictures.into_iter().zip(std::iter::repeat(top.unwrap_or(&canvas.written[0])))
            {
                let (top, bottom) = (caption.y + caption.height, caption.y + caption.height + SIDE);
                let over = canvas.written.iter().find(|(place, _)| {
                    place.x < left + SIDE
                        && left < place.x + place.width
                        && place.y < bottom
                        && top < place.y + place.height
                });
                assert_eq!(over, None, "words over a picture");
            }
        }
    }
}

#[test]
fn a_picture_that_stands_alone_says_what_the_report_lacks() {
    let whole = words_of(&drawn(&study(5, 5), &grey()));
    assert!(!whole.contains("INCOMPLETE") && !whole.contains("Without a reading"), "{whole}");
    assert!(whole.contains("Image 1 of 5 Images with a reading: 5 of 5."), "{whole}");

    let lacking = words_of(&drawn(&study(3, 5), &grey()));
    assert!(
        lacking.contains("INCOMPLETE. Images with a reading: 3 of 5. Without a reading: images 4, 5."),
        "{lacking}"
    );
    let most = words_of(&drawn(&study(2, 200), &grey()));
    assert!(most.contains("Images with a reading: 2 of 200. Without a reading: images 3, 4, 5,"), "{most}");
    assert!(most.contains(", 14 and 186 more."), "{most}");

    // All that came is read, and something did not come.
    let mut missing = study(2, 2);
    missing.completeness =
        Some(Completeness { complete: false, missing: vec![Missing::Series { name: "lateral".to_owned() }] });
    let missing = words_of(&drawn(&missing, &grey()));
    assert!(
        missing.contains("INCOMPLETE. Images with a reading: 2 of 2. Incomplete: the series lateral"),
        "{missing}"
    );
}

#[test]
fn what_is_left_out_of_a_list_is_counted_and_whose_image_it_is_comes_first() {
    let said = words_of(&drawn(&wordy(), &grey()));
    assert!(said.contains("CHECK whose image this is: "), "{said}");
    // Of what is missing, of the notes and of the findings.
    for counted in ["And 26 more", "And 36 more", "And 51 more"] {
        assert!(said.contains(&format!("{counted}, in the report only.")), "{counted}: {said}");
    }
    let twice = words_of(&drawn(&pictures(samples::one_of_each()), &grey()));
    assert!(twice.contains("Image 1 of 4 Same content as image 2."), "{twice}");
}

#[test]
fn the_picture_stands_beside_the_map_as_it_is() {
    let PictureOrReason::Shown(picture) = grey() else { unreachable!("it is shown") };
    let canvas = drawn(&study(1, 1), &grey());
    let caption = canvas.written.iter().find(|(_, text)| text.starts_with("The picture, reduced"));
    let top = caption.map(|(place, _)| place.y + place.height + 4).expect("it has a caption");
    let (left, top) = (CLEAN + (SIDE - 500) / 2, top + (SIDE - 400) / 2);
    let rgb = canvas.into_rgb();
    let pixel = |x: i32, y: i32| {
        let at = (y as usize * WIDTH + x as usize) * 3;
        [rgb[at], rgb[at + 1], rgb[at + 2]]
    };
    // To the last pixel, the border too.
    let same = |at: i32| {
        picture
            .enumerate_pixels()
            .filter(move |(x, y, grey)| pixel(at + *x as i32, top + *y as i32) == [grey.0[0]; 3])
    };
    assert_eq!(same(left).count(), 500 * 400);
    let beside = same(left + MAPPED - CLEAN).count();
    assert!(beside < 500 * 400, "the other has the map over it");
}

#[test]
fn a_banner_for_what_is_lacking_and_for_what_was_not_trained_shows_from_edge_to_edge() {
    let colours = |report: &Report| -> Vec<Rgb> {
        let rgb = drawn(report, &grey()).into_rgb();
        let mut column: Vec<Rgb> =
            (0..200).map(|y| rgb[y * WIDTH * 3..][..3].try_into().expect("three")).collect();
        column.dedup();
        column
    };
    assert_eq!(colours(&study(1, 2)), [RED, YELLOW, ORANGE, BLACK]);
    assert_eq!(colours(&study(2, 2)), [RED, ORANGE, BLACK]);
    assert_eq!(colours(&trained(study(1, 2))), [RED, YELLOW, BLACK]);
    assert_eq!(colours(&trained(study(2, 2))), [RED, BLACK]);
}
