//! What a reader must find on the page, and what must never get onto it.

use hilum_events::{AnalysedRegion, BlobRef, Sha256Digest, samples::job_id};

use super::*;
use crate::document::{Completeness, ImageEntry, ReadingEntry, UNTRAINED_NOTICE};
use crate::pictures::Picture;
use crate::samples::{NOT_SHOWN, incomplete, made_preview, one_of_each, revised};

/// What the document names: the readings' picture, and that of the failed image is damaged.
fn pictures(report: &Report) -> Pictures {
    let mut pictures = Pictures::new();
    for preview in report.previews(report.images.len()) {
        let picture = match *preview == made_preview() {
            true => Picture::Missing { reason: "object made in storage is damaged".to_owned() },
            false => Picture::Shown { png: b"png".to_vec() },
        };
        pictures.insert(preview.sha256, picture);
    }
    pictures
}

fn page(report: &Report) -> String {
    render(report, &pictures(report), &Sha256Digest::of(b"json"), Language::English)
}

fn in_korean(report: &Report) -> String {
    render(report, &pictures(report), &Sha256Digest::of(b"json"), Language::Korean)
}

/// The story's report, with `change` in what the model says of its images.
fn with_reading(change: impl Fn(&mut ReadingEntry)) -> Report {
    let mut report = one_of_each();
    report.images.iter_mut().filter_map(|image| image.reading.as_mut()).for_each(change);
    report
}

fn count(page: &str, what: &str) -> usize {
    page.matches(what).count()
}

#[test]
fn the_page_says_what_it_is_not() {
    let page = page(&one_of_each());
    assert!(page.contains("For research use only. Not a diagnosis."));
    // In the head, beside each of two readings and their maps, in the explanations and at the model.
    assert_eq!(count(&page, UNTRAINED_NOTICE), 5);
    assert_eq!(count(&page, "Untrained: meaningless."), 2);
}

#[test]
fn the_flag_of_an_untrained_model_says_so() {
    let (mut report, korean) = (incomplete(), Language::Korean.words().untrained);
    let before = [count(&page(&report), UNTRAINED_NOTICE), count(&in_korean(&report), korean)];
    report.flags[0].untrained = true;
    let after = [count(&page(&report), UNTRAINED_NOTICE), count(&in_korean(&report), korean)];
    assert_eq!(after, before.map(|times| times + 1));
}

#[test]
fn a_trained_model_gets_no_untrained_banner() {
    let mut report = with_reading(|reading| reading.trained = true);
    report.models[0].identity.trained = true;
    report.models[0].notice = None;
    let page = page(&report);
    assert_eq!(count(&page, UNTRAINED_NOTICE), 0);
    assert!(page.contains("▲"), "a score above the operating point is marked");
}

#[test]
fn what_came_from_outside_is_escaped() {
    let mut report = with_reading(|reading| {
        reading.findings[0].label = "<b>Effusion</b>".to_owned();
        reading.activation_maps[0].label = "<b>Effusion</b>".to_owned();
        reading.model.name = "\"><img src=x>".to_owned();
    });
    report.images[2].reason = Some("<script>alert(1)</script> & \"quoted\"".to_owned());
    report.models[0].identity.name = "\"><img src=x>".to_owned();
    let page = page(&report);
    assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("<img src=x"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quoted&quot;"));
    assert!(page.contains("the file is &lt;damaged&gt;"));
}

#[test]
fn the_page_asks_nothing_of_anybody() {
    let page = page(&one_of_each());
    assert!(page.contains("default-src 'none'"));
    for outside in ["http://", "https://", "src=\"/", "<script", "<link", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn failed_images_say_why_and_what_to_do() {
    let page = page(&one_of_each());
    assert!(page.contains("the file ends before its picture does; send it again"));
    assert!(page.contains("tried it 5 times and gave up"));
    assert_eq!(count(&page, "What to do: "), 2);
    assert_eq!(count(&page, "No preview: "), 2);
}

#[test]
fn duplicates_name_their_job_and_send_their_picture_once() {
    let page = page(&one_of_each());
    assert!(page.contains(&format!("Same content as job <code>{}</code>, reading shared.", job_id(1))));
    assert_eq!(count(&page, "data:image/png;base64,"), 1);
}

#[test]
fn the_map_lies_over_what_was_analysed_and_only_what_is_positive_is_coloured() {
    let page = page(&one_of_each());
    // 640 x 524, square at x 58: two margins; 48 of 49 values are positive; each twice, for the duplicate.
    assert_eq!(count(&page, "<title>+"), 2 * 48);
    assert_eq!(count(&page, "url(#hatch-1)"), 2);
    assert!(
        page.contains(
            "<rect x=\"0.00\" y=\"0.00\" width=\"58.00\" height=\"524.00\" fill=\"url(#hatch-1)\">"
        )
    );
    // Row 0, column 1 of the map.
    assert!(page.contains("<rect x=\"132.86\" y=\"0.00\" width=\"74.86\" height=\"74.86\""));
    assert!(page.contains("not analysed"));
    assert!(page.contains("only positive ones are coloured"));
}

#[test]
fn maps_that_do_not_fit_their_picture_are_left_out() {
    let report = with_reading(|reading| {
        reading.activation_maps[0].rows = 4_000_000_000;
        reading.region = AnalysedRegion { side: 0, ..reading.region };
    });
    assert_eq!(count(&page(&report), "Activation map of"), 0);
}

#[test]
fn a_map_without_positive_cells_says_so() {
    let page = page(&with_reading(|reading| reading.activation_maps[0].values = vec![-1.0; 49]));
    assert!(page.contains("No cell contributes positively: nothing is coloured."));
    assert_eq!(count(&page, "<title>+"), 0);
}

#[test]
fn a_revision_lists_what_changed() {
    let page = page(&revised());
    assert!(page.contains("Changes since revision 1"));
    assert!(page.contains("<a href=\"#image-5\">Image 5</a>: added"));
}

#[test]
fn a_huge_study_gets_a_page_that_can_be_opened() {
    let mut report = one_of_each();
    let image = report.images[0].clone();
    report.images = vec![image; CARDS + 50];
    let page = page(&report);
    assert_eq!(count(&page, "<section class=\"card\""), CARDS);
    assert!(page.contains(&format!("<tr id=\"image-{}\">", CARDS + 50)));
}

#[test]
fn a_picture_that_is_missing_is_a_sentence_that_says_why() {
    let page = page(&one_of_each());
    assert!(page.contains("No preview: object made in storage is damaged."));
    let escaped = NOT_SHOWN.replace('<', "&lt;").replace('>', "&gt;");
    assert!(page.contains(&format!("No preview: {escaped}.")));
    let nothing = render(&one_of_each(), &Pictures::new(), &Sha256Digest::of(b"json"), Language::English);
    assert_eq!(count(&nothing, "No preview: it was not fetched."), 3);
}

#[test]
fn too_many_pictures_are_not_shown_and_the_page_says_so() {
    let mut report = one_of_each();
    let image = report.images[0].clone();
    let numbered = |number: u32| {
        let sha256 = Sha256Digest::of(&number.to_be_bytes());
        let preview = BlobRef { key: format!("sha256/{sha256}"), sha256, size_bytes: 1000 };
        ImageEntry { preview: Some(preview), ..image.clone() }
    };
    report.images = (0..257).map(numbered).collect();
    let full = page(&report);
    assert_eq!(count(&full, "No preview: the study has 257 pictures, too many to show here."), CARDS);
    assert_eq!(count(&full, "data:image/png"), 0);
    report.images.truncate(256);
    let full = page(&report);
    assert_eq!(count(&full, "data:image/png"), CARDS);
    let Choice::Shown { previews, max_side_px } = choice(&report) else { panic!("they are shown") };
    assert_eq!((previews.len(), max_side_px), (CARDS, 128));
}

#[test]
fn the_same_reduced_picture_of_two_sizes_is_sent_for_each() {
    let mut report = one_of_each();
    report.images[1].sha256 = Sha256Digest::of(b"twice as large");
    let region = &mut report.images[1].reading.as_mut().unwrap().region;
    (region.picture_width, region.picture_height) = (1280, 1048);
    let page = page(&report);
    assert_eq!(count(&page, "data:image/png;base64,"), 2);
    assert!(page.contains("width=\"1280\" height=\"1048\""));
}

#[test]
fn a_failed_image_that_is_shown_first_does_not_take_the_picture_from_a_reading() {
    let mut report = one_of_each();
    report.images.swap(0, 2);
    report.images[0].preview = report.images[2].preview.clone();
    let page = page(&report);
    assert_eq!(count(&page, "<img src=\"data:image/png;base64,"), 1);
    assert_eq!(count(&page, "<image id=\"picture-"), 1);
}

#[test]
fn what_is_missing_stands_at_the_top() {
    let report = incomplete();
    let english = page(&report);
    let missing = [
        "INCOMPLETE: not all that was expected is in this report.",
        "<li>5 of 6 expected images arrived</li>",
        "<li>the series lateral did not arrive</li>",
        "<li>Image 5 arrived and has no outcome yet</li>",
    ];
    let disclaimer = english.find("banner research").unwrap();
    for sentence in missing {
        assert!(english.find(sentence).is_some_and(|place| place < disclaimer), "{sentence}");
    }
    assert!(english.contains("2 without a reading, 1 without an outcome yet"));
    assert!(english.contains("It had no outcome yet when this report had to be issued."));
    let korean = in_korean(&report);
    for sentence in [
        "미완결 보고서:",
        "<li>예정된 영상 6건 중 5건만 도착함</li>",
        "<li>시리즈 lateral: 도착하지 않음</li>",
    ] {
        assert!(korean.contains(sentence), "{sentence}");
    }
}

#[test]
fn a_report_that_has_all_says_so_and_one_that_expects_nothing_says_nothing() {
    let mut report = incomplete();
    report.completeness = Some(Completeness { complete: true, missing: Vec::new() });
    let whole = page(&report);
    assert!(whole.contains("<dd>all that was expected is here</dd>") && !whole.contains("INCOMPLETE"));
    report.completeness = None;
    let silent = page(&report);
    assert!(!silent.contains("Completeness") && !silent.contains("INCOMPLETE"));
}

#[test]
fn what_a_rule_pointed_out_says_which_rule_and_which_image() {
    let flag = "<strong>Effusion</strong>: score 0.57, probability 0.2227, threshold 0.50; \
                flagged by rule effusion-first; Image 1, 2026-01-01 00:00:03 UTC";
    assert!(page(&incomplete()).contains(flag));
    let flag = "<strong>흉수 (Effusion)</strong>: 점수 0.57, 확률 0.2227, 기준값 0.50; 규칙 effusion-first에 따라 표시; \
                영상 1, 2026-01-01 00:00:03 UTC";
    assert!(in_korean(&incomplete()).contains(flag));
}

#[test]
fn every_time_is_that_of_the_site_with_its_zone() {
    let mut report = incomplete();
    let utc = page(&report);
    assert!(utc.contains("2026-01-01 00:00:31 UTC") && !utc.contains("UTC+"));
    report.set_time_zone(&"Asia/Seoul".parse().unwrap());
    for page in [page(&report), in_korean(&report)] {
        for at in [
            "<dd>2026-01-01 09:00:31 KST (UTC+09:00)</dd>",
            "2026-01-01 09:00:03 KST (UTC+09:00)",
            "<dd>2026-01-01 09:00:06 KST (UTC+09:00)</dd>",
            "2025-12-31 09:00:00 KST (UTC+09:00)",
            "<td>2026-01-01 09:00:31 +09:00</td>",
        ] {
            assert!(page.contains(at), "{at}");
        }
        assert_eq!([" UTC", "00:00:"].map(|utc| count(&page, utc)), [0, 0]);
    }
}

#[test]
fn an_earlier_study_stands_beside_this_one() {
    let mut report = incomplete();
    let compared = page(&report);
    assert!(compared.contains("Study S-0, revision 1, as of 2025-12-31 00:00:00 UTC."));
    let row = "<th scope=\"row\">Effusion</th><td class=\"number\">0.28</td><td class=\"number\">0.57</td>\
               <td class=\"number\">+0.28</td>";
    assert!(compared.contains(row));
    let comparison = report.comparison.as_mut().unwrap();
    comparison.findings.clear();
    assert!(page(&report).contains("there is nothing to compare"));
    report.comparison.as_mut().unwrap().same_model = false;
    assert!(page(&report).contains("read by different models, so their numbers cannot be compared"));
    assert!(in_korean(&report).contains("모델이 서로 달라 수치를 비교할 수 없습니다"));
}

#[test]
fn in_korean_everything_is_said_in_korean_and_the_words_of_the_document_are_kept() {
    let korean = in_korean(&one_of_each());
    assert!(korean.contains("<html lang=\"ko\">"));
    assert!(korean.contains("연구용으로만 사용하십시오. 진단이 아닙니다."));
    assert!(korean.contains("흉수 (Effusion)"));
    let original = "<span class=\"original\">원문: <span lang=\"en\">the file ends before its picture does; send it again";
    assert!(korean.contains(original));
    // What a reader sees of English is quoted or a name.
    for english in
        ["Study", "Image ", "Finding", "Score", "Provenance", "No reading", "Received", "not analysed"]
    {
        assert!(!korean.contains(english), "{english}");
    }
}

#[test]
fn the_page_is_the_same_each_time() {
    assert_eq!(page(&revised()), page(&revised()));
}
