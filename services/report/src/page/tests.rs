//! What a reader must find on the page, and what must never get onto it.

use hilum_events::{AnalysedRegion, Event, Sha256Digest, samples};

use super::*;
use crate::compose::tests::{one_of_each, report_of, revised};

fn previews(report: &Report) -> Previews {
    let mut previews = Previews::new();
    for image in &report.images {
        let preview = match image.status {
            ImageStatus::Completed => Preview::Shown { png: b"png".to_vec() },
            ImageStatus::Failed => Preview::Missing { reason: "the file is <damaged>".to_owned() },
        };
        previews.insert(image.sha256, preview);
    }
    previews
}

fn page(report: &Report) -> String {
    render(report, &previews(report), &Sha256Digest::of(b"json"))
}

fn count(page: &str, what: &str) -> usize {
    page.matches(what).count()
}

#[test]
fn the_page_says_what_it_is_not() {
    let page = page(&report_of(&one_of_each()));
    assert!(page.contains("For research use only. Not a diagnosis."));
    // In the head, beside each of two readings and their maps, in the explanations and at the model.
    assert_eq!(count(&page, UNTRAINED_NOTICE), 5);
    assert_eq!(count(&page, "Untrained: meaningless."), 2);
}

#[test]
fn a_trained_model_gets_no_untrained_banner() {
    let mut facts = one_of_each();
    let Event::InferenceCompleted(e) = &mut facts[4].event else { unreachable!() };
    e.model.trained = true;
    let page = page(&report_of(&facts));
    assert_eq!(count(&page, UNTRAINED_NOTICE), 0);
    assert!(page.contains("▲"), "a score above the operating point is marked");
}

#[test]
fn what_came_from_outside_is_escaped() {
    let mut facts = one_of_each();
    let Event::InferenceFailed(e) = &mut facts[7].event else { unreachable!() };
    e.reason = "<script>alert(1)</script> & \"quoted\"".to_owned();
    let Event::InferenceCompleted(e) = &mut facts[4].event else { unreachable!() };
    e.findings[0].label = "<b>Effusion</b>".to_owned();
    e.activation_maps[0].label = "<b>Effusion</b>".to_owned();
    e.model.name = "\"><img src=x>".to_owned();
    let page = page(&report_of(&facts));
    assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("<img src=x"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quoted&quot;"));
    assert!(page.contains("the file is &lt;damaged&gt;"));
}

#[test]
fn the_page_asks_nothing_of_anybody() {
    let page = page(&report_of(&one_of_each()));
    assert!(page.contains("default-src 'none'"));
    for outside in ["http://", "https://", "src=\"/", "<script", "<link", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn failed_images_say_why_and_what_to_do() {
    let page = page(&report_of(&one_of_each()));
    assert!(page.contains("the file ends before its picture does; send it again"));
    assert!(page.contains("tried it 5 times and gave up"));
    assert_eq!(count(&page, "What to do: "), 2);
    assert_eq!(count(&page, "No preview: "), 2);
}

#[test]
fn duplicates_name_their_job_and_send_their_picture_once() {
    let page = page(&report_of(&one_of_each()));
    assert!(
        page.contains(&format!("Same content as job <code>{}</code>, reading shared.", samples::job_id(1)))
    );
    assert_eq!(count(&page, "data:image/png;base64,"), 1);
}

#[test]
fn the_map_lies_over_what_was_analysed_and_only_what_is_positive_is_coloured() {
    let page = page(&report_of(&one_of_each()));
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
    let mut facts = one_of_each();
    let Event::InferenceCompleted(e) = &mut facts[4].event else { unreachable!() };
    e.activation_maps[0].rows = 4_000_000_000;
    e.region = AnalysedRegion { side: 0, ..e.region };
    assert_eq!(count(&page(&report_of(&facts)), "Activation map of"), 0);
}

#[test]
fn a_map_without_positive_cells_says_so() {
    let mut facts = one_of_each();
    let Event::InferenceCompleted(e) = &mut facts[4].event else { unreachable!() };
    e.activation_maps[0].values = vec![-1.0; 49];
    let page = page(&report_of(&facts));
    assert!(page.contains("No cell contributes positively: nothing is coloured."));
    assert_eq!(count(&page, "<title>+"), 0);
}

#[test]
fn a_revision_lists_what_changed() {
    let page = page(&report_of(&revised()));
    assert!(page.contains("Changes since revision 1"));
    assert!(page.contains("<a href=\"#image-5\">Image 5</a>: added"));
}

#[test]
fn a_huge_study_gets_a_page_that_can_be_opened() {
    let mut report = report_of(&one_of_each());
    let image = report.images[0].clone();
    report.images = vec![image; CARDS + 50];
    let page = page(&report);
    assert_eq!(count(&page, "<section class=\"card\""), CARDS);
    assert!(page.contains(&format!("<tr id=\"image-{}\">", CARDS + 50)));
}

#[test]
fn the_page_is_the_same_each_time() {
    assert_eq!(page(&report_of(&revised())), page(&report_of(&revised())));
}
