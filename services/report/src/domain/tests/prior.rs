//! Which report of an earlier study is compared with.

use hilum_events::StudyId;

use super::*;

/// The image with an earlier study.
fn after(prior: StudyId, mut image: Envelope) -> Envelope {
    let Event::ImageStored(e) = &mut image.event else { unreachable!() };
    e.prior_study_id = Some(prior);
    image
}

/// Position of the earlier report for the study `S-2`, which comes after `S-1` with its images and reports.
fn prior_report(facts: &[Envelope]) -> Option<u64> {
    let state = state_of(facts);
    let study_id = StudyId::named(&Site::default(), "S-2");
    let due = decide(&state, samples::at(100_000), &rules());
    let due = due.iter().find(|due| due.study_id == study_id).expect("due");
    state.brief(due, &rules()).expect("due").prior_report_seq
}

#[test]
fn the_newest_report_at_the_cause_is_the_one_to_compare_with() {
    let linked = in_study("S-2", samples::duplicate_linked(2, 1, "a", 20));
    let image = in_study("S-2", after(samples::study_id(), samples::image_stored(2, "a", 20)));
    let mut facts = one_read();
    facts.push(image);
    facts.push(linked);
    assert_eq!(prior_report(&facts), None, "it was not reported yet");

    let mut facts = one_read();
    facts.push(issue(&facts, 10));
    facts.push(in_study("S-2", after(samples::study_id(), samples::image_stored(2, "a", 20))));
    facts.push(samples::image_stored(3, "a", 20));
    facts.push(samples::duplicate_linked(3, 1, "a", 20));
    facts.push(in_study("S-2", samples::duplicate_linked(2, 1, "a", 20)));
    assert_eq!(prior_report(&facts), Some(4));
    let state = state_of(&facts);
    let due = decide(&state, samples::at(50), &rules());
    let second = due.iter().find(|due| due.study_id == samples::study_id()).expect("due");
    facts.push(report_of(&state, &log(&facts), second, 50));
    assert_eq!(prior_report(&facts), Some(4), "the second revision came after the cause");
}

#[test]
fn a_study_of_another_site_or_an_unknown_one_is_no_prior() {
    let of = |prior: StudyId, site: &str| {
        let mut facts = one_read();
        facts.push(issue(&facts, 10));
        let mut image = in_study("S-2", after(prior, samples::image_stored(2, "a", 20)));
        let mut linked = in_study("S-2", samples::duplicate_linked(2, 1, "a", 20));
        for envelope in [&mut image, &mut linked] {
            envelope.site = site.parse().expect("a site");
        }
        facts.extend([image, linked]);
        prior_report(&facts)
    };
    assert_eq!(of(samples::study_id(), "default"), Some(4));
    assert_eq!(of(samples::study_id(), "south"), None);
    assert_eq!(of(StudyId::named(&Site::default(), "S-0"), "default"), None);
}
