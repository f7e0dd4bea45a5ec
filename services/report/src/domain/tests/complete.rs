//! When all images of a study have come, and what becomes of one that lacks some.

use hilum_events::{ReportCause, Sha256Digest};
use jiff::Timestamp;

use super::*;

const EXPECTED: ReportCause = ReportCause::Expected;
const ALL_SERIES: ReportCause = ReportCause::ExpectedSeries;
const TIME_LIMIT: ReportCause = ReportCause::TimeLimit;

/// Rules with a time limit of a minute and nothing else.
fn limited() -> Rules {
    Rules::new(QUIET, Sites::parse("[default]\ntime_limit_s = 60\n").expect("well written"))
}

/// The image with the word of its sender that the study has so many.
pub(super) fn expecting(mut image: Envelope, images: u32) -> Envelope {
    let Event::ImageStored(e) = &mut image.event else { unreachable!() };
    e.expected_images = Some(images);
    image
}

/// A manifest of so many images, of which these contents are named.
pub(super) fn manifest(request: u128, images: u32, contents: &[&str]) -> Envelope {
    let mut manifest = samples::study_manifest_received(request, images, 0);
    let Event::StudyManifestReceived(e) = &mut manifest.event else { unreachable!() };
    e.sha256 = contents.iter().map(|content| Sha256Digest::of(content.as_bytes())).collect();
    e.sop_instance_uids.clear();
    manifest
}

fn at(second: i64, mut envelope: Envelope) -> Envelope {
    envelope.occurred_at = samples::at(second);
    envelope
}

/// The image with these series.
fn of_series(names: &[&str], mut image: Envelope) -> Envelope {
    let Event::ImageStored(e) = &mut image.event else { unreachable!() };
    e.series = names.iter().map(|name| name.parse().expect("a name")).collect();
    image
}

/// An image arrives and is read, all in one second.
fn read(number: u128, content: &str, second: i64) -> [Envelope; 3] {
    [
        of_series(&[], samples::image_stored(number, content, second)),
        samples::inference_requested(number, content, second),
        samples::inference_completed(number, content, second),
    ]
}

/// The image says how many there are.
fn read_expecting(number: u128, content: &str, second: i64, images: u32) -> [Envelope; 3] {
    let [image, requested, completed] = read(number, content, second);
    [expecting(image, images), requested, completed]
}

fn read_of_series(number: u128, content: &str, second: i64, names: &[&str]) -> [Envelope; 3] {
    let [image, requested, completed] = read(number, content, second);
    [of_series(names, image), requested, completed]
}

/// What is due now and its brief.
fn brief(rules: &Rules, facts: &[Envelope], second: i64) -> (Due, Brief) {
    let state = state_of(facts);
    let due = decide(&state, samples::at(second), rules)[0];
    (due, state.brief(&due, rules).expect("due"))
}

/// How many images the brief says are expected and arrived.
fn awaited(brief: &Brief) -> Option<(u32, u32)> {
    brief.expected.images.map(|awaited| (awaited.expected, awaited.arrived))
}

#[test]
fn the_announced_number_makes_it_due_at_once_and_fewer_do_not_at_any_quiet_time() {
    let mut facts = read_expecting(1, "a", 0, 2).to_vec();
    check_by(&limited(), &facts, 30, &[]);
    facts.push(samples::image_stored(2, "b", 31));
    check_by(&limited(), &facts, 31, &[]);
    facts.extend(read(2, "b", 31).into_iter().skip(1));
    check_by(&limited(), &facts, 31, &[(1, EXPECTED)]);
    check_by(&rules(), &facts, 31, &[(1, EXPECTED)]);
    assert_eq!(awaited(&brief(&rules(), &facts, 31).1), Some((2, 2)));
}

#[test]
fn a_content_that_is_sent_twice_counts_once() {
    let mut facts = read_expecting(1, "a", 0, 2).to_vec();
    facts.push(expecting(samples::image_stored(2, "a", 1), 2));
    facts.push(samples::duplicate_linked(2, 1, "a", 1));
    check_by(&limited(), &facts, 59, &[]);
    facts.extend(read_expecting(3, "b", 2, 2));
    check_by(&limited(), &facts, 2, &[(1, EXPECTED)]);
}

#[test]
fn a_failed_image_does_not_hold_the_study_back() {
    let mut facts = read_expecting(1, "a", 0, 2).to_vec();
    facts.push(samples::image_stored(2, "b", 1));
    facts.push(samples::inference_requested(2, "b", 1));
    facts.push(samples::inference_failed(2, "b", 2));
    check_by(&limited(), &facts, 2, &[(1, EXPECTED)]);
}

#[test]
fn of_manifests_and_submissions_the_newest_number_counts() {
    let mut facts = read_expecting(1, "a", 0, 3).to_vec();
    facts.push(at(1, manifest(1, 1, &[])));
    check_by(&limited(), &facts, 1, &[(1, EXPECTED)]);
    facts.push(at(2, manifest(2, 2, &[])));
    check_by(&limited(), &facts, 2, &[]);
    facts.extend(read_expecting(2, "b", 3, 4));
    check_by(&limited(), &facts, 3, &[]);
    facts.extend(read(3, "c", 4));
    facts.extend(read(4, "d", 4));
    check_by(&limited(), &facts, 4, &[(1, EXPECTED)]);
}

#[test]
fn what_a_manifest_names_must_be_there_however_many_came() {
    let mut facts = vec![manifest(1, 2, &["a", "b"])];
    check_by(&limited(), &facts, 1_000, &[]);
    facts.extend(read(1, "a", 0));
    facts.extend(read(2, "c", 1));
    check_by(&limited(), &facts, 1, &[]);
    let (due, incomplete) = brief(&limited(), &facts, 60);
    assert_eq!((due.why, awaited(&incomplete)), (TIME_LIMIT, Some((2, 1))));
    assert_eq!(incomplete.expected.manifest_seq, Some(1));
    facts.extend(read(3, "b", 2));
    check_by(&limited(), &facts, 2, &[(1, EXPECTED)]);
}

#[test]
fn images_are_also_named_by_their_sop_instance() {
    let mut named = manifest(1, 1, &[]);
    let Event::StudyManifestReceived(e) = &mut named.event else { unreachable!() };
    e.sop_instance_uids = vec!["2.25.99".to_owned()];
    let mut facts = vec![named];
    facts.extend(read(1, "a", 0));
    check_by(&limited(), &facts, 1, &[]);
    let [mut image, requested, completed] = read(2, "b", 1);
    let Event::ImageStored(e) = &mut image.event else { unreachable!() };
    e.image.dicom.as_mut().expect("a DICOM image").sop_instance_uid = "2.25.99".to_owned();
    facts.extend([image, requested, completed]);
    check_by(&limited(), &facts, 1, &[(1, EXPECTED)]);
}

#[test]
fn all_expected_series_make_it_due_and_one_alone_does_not() {
    let mut facts = read_of_series(1, "a", 0, &["frontal"]).to_vec();
    check_by(&strict_rules(), &facts, 59, &[]);
    let (due, incomplete) = brief(&strict_rules(), &facts, 60);
    assert_eq!(due.why, TIME_LIMIT);
    assert_eq!(incomplete.expected.absent_series, ["lateral".parse().expect("a name")]);
    facts.extend(read_of_series(2, "b", 20, &["lateral"]));
    check_by(&strict_rules(), &facts, 20, &[(1, ALL_SERIES)]);
    assert_eq!(brief(&strict_rules(), &facts, 20).1.expected.absent_series, []);
}

#[test]
fn what_the_sender_announced_counts_more_than_what_the_site_expects() {
    let mut facts = read_of_series(1, "a", 0, &["frontal", "lateral"]).to_vec();
    facts.push(at(0, manifest(1, 2, &[])));
    check_by(&strict_rules(), &facts, 59, &[]);
    let announced = read_expecting(1, "a", 0, 1).to_vec();
    check_by(&strict_rules(), &announced, 0, &[(1, EXPECTED)]);
    assert_eq!(brief(&strict_rules(), &announced, 0).1.expected.absent_series.len(), 2);
}

#[test]
fn without_a_time_limit_the_quiet_time_ends_it_and_it_lacks_what_was_expected() {
    let facts = read_expecting(1, "a", 0, 2);
    check(&facts, 9, &[]);
    check(&facts, 10, &[(1, QUIET_TIME)]);
    assert_eq!(awaited(&brief(&rules(), &facts, 10).1), Some((2, 1)));
}

#[test]
fn a_closed_study_lacks_what_was_expected_and_waits_for_outcomes_only() {
    let mut facts = read_expecting(1, "a", 0, 2).to_vec();
    facts.push(samples::image_stored(3, "c", 1));
    facts.push(samples::study_close_requested(1, 2));
    check_by(&strict_rules(), &facts, 2, &[]);
    facts.extend(read(3, "c", 3).into_iter().skip(1));
    facts.push(at(3, manifest(2, 3, &[])));
    check_by(&strict_rules(), &facts, 3, &[]);
    facts.push(samples::study_close_requested(3, 4));
    check_by(&strict_rules(), &facts, 4, &[(1, CLOSED)]);
    assert_eq!(awaited(&brief(&strict_rules(), &facts, 4).1), Some((3, 2)));
}

#[test]
fn at_the_time_limit_what_is_there_is_reported_and_images_without_outcome_are_pending() {
    let mut facts = read(1, "a", 0).to_vec();
    facts.push(samples::image_stored(2, "b", 55));
    facts.push(samples::inference_requested(2, "b", 55));
    check_by(&limited(), &facts, 59, &[]);
    let (due, incomplete) = brief(&limited(), &facts, 60);
    assert_eq!((due.why, due.cause_seq, due.limit_at), (TIME_LIMIT, 5, Some(samples::at(60))));
    let pending: Vec<_> = incomplete.images.iter().map(|image| image.outcome.is_none()).collect();
    assert_eq!(pending, [false, true]);
}

#[test]
fn the_time_limit_ends_once_and_what_comes_late_makes_a_revision_that_says_so() {
    let mut facts = read(1, "a", 0).to_vec();
    facts.push(samples::image_stored(2, "b", 55));
    facts.push(samples::inference_requested(2, "b", 55));
    facts.push(issue_by(&limited(), &facts, 60));
    check_by(&limited(), &facts, 100_000, &[]);
    assert_eq!(state_of(&facts).open_studies(), 0);
    facts.push(samples::inference_completed(2, "b", 200));
    check_by(&limited(), &facts, 200, &[(2, QUIET_TIME)]);
    let (_, late) = brief(&limited(), &facts, 200);
    assert_eq!(
        late.images.iter().map(|image| image.change).collect::<Vec<_>>(),
        [None, Some(Change::OutcomeChanged)]
    );
    facts.push(issue_by(&limited(), &facts, 200));
    check_by(&limited(), &facts, 100_000, &[]);
}

#[test]
fn an_outcome_that_was_pending_in_the_report_of_a_whole_study_is_reported_at_once() {
    let rules =
        Rules::new(QUIET * 100, Sites::parse("[default]\ntime_limit_s = 60\n").expect("well written"));
    let mut facts = read_expecting(1, "a", 0, 2).to_vec();
    facts.push(samples::image_stored(2, "b", 55));
    facts.push(samples::inference_requested(2, "b", 55));
    facts.push(issue_by(&rules, &facts, 60));
    facts.push(samples::inference_completed(2, "b", 70));
    check_by(&rules, &facts, 70, &[(2, EXPECTED)]);
}

#[test]
fn a_late_image_that_completes_the_study_is_reported_at_once() {
    let mut facts = read_expecting(1, "a", 0, 2).to_vec();
    facts.push(issue_by(&limited(), &facts, 60));
    check_by(&limited(), &facts, 100_000, &[]);
    facts.extend(read(2, "b", 500));
    check_by(&limited(), &facts, 500, &[(2, EXPECTED)]);
    let (_, late) = brief(&limited(), &facts, 500);
    assert_eq!(late.images[1].change, Some(Change::Added));
}

#[test]
fn after_a_report_the_time_limit_counts_from_what_it_does_not_cover() {
    let mut facts = read_expecting(1, "a", 0, 3).to_vec();
    facts.push(issue_by(&limited(), &facts, 60));
    facts.extend(read(2, "b", 5_000));
    check_by(&limited(), &facts, 5_059, &[]);
    let (due, _) = brief(&limited(), &facts, 5_060);
    assert_eq!((due.revision, due.why, due.limit_at), (2, TIME_LIMIT, Some(samples::at(5_060))));
}

#[test]
fn images_beyond_what_was_announced_come_together_after_the_quiet_time() {
    let mut facts = read_expecting(1, "a", 0, 1).to_vec();
    facts.push(issue_by(&limited(), &facts, 0));
    facts.extend(read(2, "b", 20));
    check_by(&limited(), &facts, 39, &[]);
    check_by(&limited(), &facts, 40, &[(2, QUIET_TIME)]);
}

#[test]
fn a_manifest_after_the_report_makes_a_revision_only_if_it_changes_what_is_missing() {
    let mut facts = read(1, "a", 0).to_vec();
    facts.push(issue_by(&limited(), &facts, 10));
    facts.push(at(20, manifest(1, 1, &["a"])));
    check_by(&limited(), &facts, 100_000, &[]);
    facts.push(at(30, manifest(2, 2, &[])));
    check_by(&limited(), &facts, 79, &[]);
    check_by(&limited(), &facts, 100_000, &[(2, TIME_LIMIT)]);
    facts.push(issue_by(&limited(), &facts, 100));
    check_by(&limited(), &facts, 100_000, &[]);
    facts.push(at(200, manifest(3, 1, &[])));
    check_by(&limited(), &facts, 200, &[(3, EXPECTED)]);
}

#[test]
fn a_redrive_under_way_is_no_reason_to_report_at_the_time_limit() {
    let mut again = samples::inference_requested(1, "a", 100);
    let Event::InferenceRequested(e) = &mut again.event else { unreachable!() };
    e.attempt = 2;
    let mut facts = read(1, "a", 0)[..2].to_vec();
    facts.push(samples::inference_failed(1, "a", 1));
    facts.push(issue_by(&limited(), &facts, 11));
    facts.push(again);
    check_by(&limited(), &facts, 100_000, &[]);
    facts.push(samples::inference_completed(1, "a", 110));
    check_by(&limited(), &facts, 130, &[(2, QUIET_TIME)]);
}

#[test]
fn a_study_that_was_not_looked_at_when_its_time_was_over_is_reported_as_it_stands_later() {
    let mut facts = read_expecting(1, "a", 0, 3).to_vec();
    facts.extend(read(2, "b", 90));
    let (due, late) = brief(&limited(), &facts, 1_000);
    assert_eq!((due.why, due.limit_at, awaited(&late)), (TIME_LIMIT, Some(samples::at(60)), Some((3, 2))));
    facts.extend(read(3, "c", 100));
    check_by(&limited(), &facts, 1_000, &[(1, EXPECTED)]);
}

#[test]
fn the_next_end_of_a_wait_is_known_also_after_a_restart() {
    let facts = read_expecting(1, "a", 0, 2);
    let next = |second| state_of(&facts).next_due_at(samples::at(second), &limited());
    assert_eq!(next(3), Some(samples::at(10)));
    assert_eq!(next(10), Some(samples::at(60)));
    assert_eq!(next(60), None::<Timestamp>);
}

#[test]
fn an_image_that_was_taken_out_did_not_come_unless_its_content_did_in_another() {
    for named in [&[][..], &["a", "b"]] {
        let mut facts = read(1, "a", 0).to_vec();
        facts.push(at(1, manifest(1, 2, named)));
        facts.extend(read(2, "b", 2));
        facts.push(samples::image_stored(3, "b", 3));
        facts.push(samples::duplicate_linked(3, 2, "b", 3));
        facts.push(issue_by(&limited(), &facts, 4));
        facts.push(samples::image_taken_out(2, 5));
        let (due, whole) = brief(&limited(), &facts, 5);
        assert_eq!((due.why, awaited(&whole)), (ReportCause::ImageTakenOut, Some((2, 2))));
        facts.push(issue_by(&limited(), &facts, 5));
        facts.push(samples::image_taken_out(3, 6));
        let (due, incomplete) = brief(&limited(), &facts, 6);
        assert_eq!((due.why, awaited(&incomplete)), (ReportCause::ImageTakenOut, Some((2, 1))));
        facts.push(issue_by(&limited(), &facts, 6));
        facts.extend(read(4, "b", 7));
        check_by(&limited(), &facts, 7, &[(4, EXPECTED)]);
    }
}
