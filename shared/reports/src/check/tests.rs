//! One report for each rule that breaks it and no other.

use hilum_events::samples as events;

use super::*;
use crate::samples::{incomplete, one_of_each, revised};

/// The flaw of the second revision of the story's report after `break_it`.
fn flaw(break_it: impl FnOnce(&mut Report)) -> Flaw {
    let mut report = revised();
    break_it(&mut report);
    check(&report).expect_err("it has a flaw")
}

/// The flaw of its image `index`.
fn image_flaw(index: usize, break_it: impl FnOnce(&mut ImageEntry)) -> ImageFlaw {
    match flaw(|report| break_it(&mut report.images[index])) {
        Flaw::Image { flaw, .. } => flaw,
        other => panic!("{other}"),
    }
}

/// The flaw of its first reading.
fn reading_flaw(break_it: impl FnOnce(&mut ReadingEntry)) -> ReadingFlaw {
    match flaw(|report| break_it(report.images[0].reading.as_mut().expect("read"))) {
        Flaw::Reading { job_id, flaw } if job_id == events::job_id(1) => flaw,
        other => panic!("{other}"),
    }
}

#[test]
fn the_reports_of_the_story_have_no_flaw() {
    assert_eq!(check(&one_of_each()), Ok(()));
    assert_eq!(check(&revised()), Ok(()));
    assert_eq!(check(&incomplete()), Ok(()));
}

/// The flaw of the report that had to be issued early after `break_it`.
fn early_flaw(break_it: impl FnOnce(&mut Report)) -> Flaw {
    let mut report = incomplete();
    break_it(&mut report);
    check(&report).expect_err("it has a flaw")
}

#[test]
fn what_is_missing_is_missing() {
    let complete = |report: &mut Report| report.completeness.as_mut().expect("told").complete = true;
    assert_eq!(early_flaw(complete), Flaw::Completeness { complete: true, missing: 3 });
    let job_id = events::job_id(1);
    let known = |report: &mut Report| {
        report.completeness.as_mut().expect("told").missing[2] = Missing::Outcome { job_id };
    };
    assert_eq!(early_flaw(known), Flaw::NotMissing { job_id });
    let told = early_flaw(|report| report.images[4].reason = Some("torn".to_owned()));
    let Flaw::Image { flaw, .. } = told else { panic!("{told}") };
    assert_eq!(flaw, ImageFlaw::PendingWithOutcome);
}

#[test]
fn a_flag_is_of_an_image_and_numbers_beside_others_are_in_their_range() {
    let job_id = events::job_id(77);
    let elsewhere = early_flaw(|report| report.flags[0].job_id = job_id);
    assert_eq!(elsewhere, Flaw::FlagOfNoImage { rule: "effusion-first".to_owned(), job_id });
    for break_it in [
        |report: &mut Report| report.flags[0].probability = 1.5,
        |report: &mut Report| report.flags[0].score = Some(-0.5),
        |report: &mut Report| report.flags[0].threshold = f32::NAN,
        |report: &mut Report| report.comparison.as_mut().expect("told").findings[0].earlier_probability = 2.0,
        |report: &mut Report| report.comparison.as_mut().expect("told").findings[0].score = Some(2.0),
    ] {
        let found = early_flaw(break_it);
        assert!(matches!(found, Flaw::Number { .. }), "{found}");
    }
}

#[test]
fn another_format_is_refused() {
    let found = flaw(|report| report.format = "hilum-report/2".to_owned());
    assert_eq!(found, Flaw::Format { found: "hilum-report/2".to_owned() });
}

#[test]
fn a_report_says_what_it_is_not() {
    assert_eq!(flaw(|report| report.disclaimer = " ".to_owned()), Flaw::NoDisclaimer);
}

#[test]
fn a_revision_follows_a_lower_one() {
    assert_eq!(flaw(|report| report.revision = 1), Flaw::Revision { revision: 1, previous: Some(1) });
    let none = flaw(|report| (report.revision, report.provenance.previous_revision) = (0, None));
    assert_eq!(none, Flaw::Revision { revision: 0, previous: None });
}

#[test]
fn the_counts_are_those_of_the_images() {
    for miscount in [
        |summary: &mut Summary| summary.images += 1,
        |summary: &mut Summary| summary.completed -= 1,
        |summary: &mut Summary| summary.failed += 1,
        |summary: &mut Summary| summary.duplicates = 0,
    ] {
        assert!(matches!(flaw(|report| miscount(&mut report.summary)), Flaw::Summary { .. }));
    }
}

#[test]
fn no_job_is_in_a_report_twice() {
    let twice = flaw(|report| report.images[4].job_id = events::job_id(2));
    assert_eq!(twice, Flaw::JobTwice { job_id: events::job_id(2) });
}

#[test]
fn what_changed_is_in_the_report() {
    let job_id = events::job_id(77);
    assert_eq!(flaw(|report| report.changes[0].job_id = job_id), Flaw::ChangeOfNoImage { job_id });
}

#[test]
fn the_cause_is_among_the_events() {
    assert_eq!(flaw(|report| report.provenance.events.clear()), Flaw::CauseUnknown);
}

#[test]
fn a_model_that_was_not_trained_is_marked() {
    let name = "densenet121-demo".to_owned();
    assert_eq!(flaw(|report| report.models[0].notice = None), Flaw::UntrainedUnmarked { name });
}

#[test]
fn an_image_is_told_as_it_ended() {
    assert_eq!(image_flaw(0, |image| image.reading = None), ImageFlaw::NoReading);
    let reason = |image: &mut ImageEntry| image.reason = Some("torn".to_owned());
    assert_eq!(image_flaw(0, reason), ImageFlaw::CompletedWithReason);
    assert_eq!(image_flaw(0, |image| image.reading_id = None), ImageFlaw::NoReadingId);
    assert_eq!(image_flaw(2, |image| image.reason = None), ImageFlaw::NoReason);
    assert_eq!(image_flaw(2, |image| image.reason = Some(String::new())), ImageFlaw::NoReason);
    let reading = revised().images.remove(0).reading;
    assert_eq!(image_flaw(2, |image| image.reading = reading), ImageFlaw::FailedWithReading);
}

#[test]
fn a_duplicate_names_another_image_of_the_same_content() {
    let of = |number: u128| move |image: &mut ImageEntry| image.duplicate_of = Some(events::job_id(number));
    assert_eq!(image_flaw(1, of(2)), ImageFlaw::DuplicateOfItself);
    assert_eq!(image_flaw(1, of(3)), ImageFlaw::DuplicateOfOther);
    // An image of another study, of which the report knows nothing.
    let mut report = revised();
    of(77)(&mut report.images[1]);
    assert_eq!(check(&report), Ok(()));
}

#[test]
fn the_objects_of_all_images_are_named() {
    let other = Sha256Digest::of(b"not stored");
    assert_eq!(image_flaw(3, |image| image.sha256 = other), ImageFlaw::ObjectUnknown);
}

/// All that is wrong with a reading is told of the image: each kind of flaw has its test where it is looked for.
#[test]
fn a_reading_with_a_flaw_is_none_to_report() {
    let no_number = reading_flaw(|reading| reading.findings[0].logit = f32::NAN);
    assert!(matches!(no_number, ReadingFlaw::Logit { .. }), "{no_number}");
    let no_map = reading_flaw(|reading| reading.activation_maps[0].rows = 8);
    assert!(matches!(no_map, ReadingFlaw::MapShape { .. }), "{no_map}");
    let outside = reading_flaw(|reading| reading.region.x = u32::MAX);
    assert!(matches!(outside, ReadingFlaw::Region { .. }), "{outside}");
    let no_time = reading_flaw(|reading| reading.times.fetch_ms = -1.0);
    assert!(matches!(no_time, ReadingFlaw::Time { .. }), "{no_time}");
}

/// The flaw of the report whose first reading is broken.
fn entry_flaw(break_it: impl FnOnce(&mut ReadingEntry)) -> Flaw {
    flaw(|report| break_it(report.images[0].reading.as_mut().expect("read")))
}

#[test]
fn the_top_findings_are_among_the_findings_once() {
    let job_id = events::job_id(1);
    for label in ["Hernia", "Mass"] {
        let found = entry_flaw(|reading| reading.top_findings[0] = label.to_owned());
        assert_eq!(found, Flaw::TopFinding { job_id, label: label.to_owned() });
    }
}

#[test]
fn the_model_of_a_reading_is_among_the_models_of_the_report() {
    let unknown = Flaw::ModelUnknown { job_id: events::job_id(1), name: "densenet121-demo".to_owned() };
    assert_eq!(entry_flaw(|reading| reading.model.version = "2".to_owned()), unknown);
    assert_eq!(entry_flaw(|reading| reading.trained = true), unknown);
}

#[test]
fn a_flaw_is_a_sentence_that_names_the_job_and_no_cause_twice() {
    let told = flaw(|report| {
        report.images[0].reading.as_mut().expect("read").findings[0].probability = 1.5;
    });
    let job_id = events::job_id(1);
    let sentence = format!(
        "the reading of the image of job {job_id} has the probability 1.5 for \"Effusion\", which is not from 0 to 1"
    );
    assert_eq!(told.to_string(), sentence);
}
