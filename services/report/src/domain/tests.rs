//! Given facts, at a time, then these reports are due.

use std::collections::BTreeMap;
use std::time::Duration;

use hilum_events::{Envelope, Event, ReportCause, Site, samples};
use hilum_log::{PositionedState, Recorded};
use hilum_sites::Sites;
use proptest::prelude::*;

use super::*;

mod bounds;
mod complete;
mod prior;

const QUIET: Duration = Duration::from_secs(10);

/// Rules of an installation that says nothing of its sites.
fn rules() -> Rules {
    Rules::new(QUIET, Sites::default())
}

/// Rules with a time limit of a minute and two expected series.
fn strict_rules() -> Rules {
    let text = r#"
[default]
time_limit_s = 60
expected_series = ["frontal", "lateral"]
[[series]]
name = "frontal"
view_position = ["PA"]
[[series]]
name = "lateral"
view_position = ["LL"]
"#;
    Rules::new(QUIET, Sites::parse(text).expect("well written"))
}

/// A log: facts get their positions by their order and are stored when they happened.
fn log(facts: &[Envelope]) -> Vec<(u64, Envelope)> {
    (1..).zip(facts.iter().cloned()).collect()
}

fn fold(state: &mut State, facts: &[(u64, Envelope)]) {
    for (seq, envelope) in facts {
        evolve(state, &Fact { seq: *seq, stored_at: envelope.occurred_at, lane: None, envelope });
    }
}

fn state_of(facts: &[Envelope]) -> State {
    let mut state = State::default();
    fold(&mut state, &log(facts));
    state
}

/// Given `facts`, when it is `second`, then these revisions are due, each for this reason.
fn check(facts: &[Envelope], second: i64, then: &[(u32, ReportCause)]) {
    check_by(&rules(), facts, second, then);
}

fn check_by(rules: &Rules, facts: &[Envelope], second: i64, then: &[(u32, ReportCause)]) {
    let due = decide(&state_of(facts), samples::at(second), rules);
    let due: Vec<_> = due.into_iter().map(|due| (due.revision, due.why)).collect();
    assert_eq!(due, then, "at second {second}");
}

/// The report that the last of `facts` makes due, issued now.
fn issue(facts: &[Envelope], second: i64) -> Envelope {
    issue_by(&rules(), facts, second)
}

fn issue_by(rules: &Rules, facts: &[Envelope], second: i64) -> Envelope {
    let state = state_of(facts);
    let due = decide(&state, samples::at(second), rules);
    report_of(&state, &log(facts), &due[0], second)
}

fn report_of(state: &State, log: &[(u64, Envelope)], due: &Due, second: i64) -> Envelope {
    let (_, cause) = log.iter().find(|(seq, _)| *seq == due.cause_seq).expect("the cause is in the log");
    let brief = state.brief(due, &rules()).expect("due");
    let mut report = samples::report_issued(due.revision, &[], second);
    report.causation_id = Some(cause.event_id);
    let Event::ReportIssued(e) = &mut report.event else { unreachable!() };
    e.study_id = due.study_id;
    e.cause = due.why;
    e.job_ids = brief.images.iter().map(|image| image.job_id).collect();
    report
}

/// The same fact for another study.
fn in_study(name: &str, mut envelope: Envelope) -> Envelope {
    let other = StudyId::named(&Site::default(), name);
    match &mut envelope.event {
        Event::ImageStored(e) => e.study_id = other,
        Event::DuplicateLinked(e) => e.study_id = other,
        Event::StudyManifestReceived(e) => e.study_id = other,
        _ => unreachable!("not a fact of one study"),
    }
    envelope
}

fn one_read() -> Vec<Envelope> {
    vec![
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 1),
        samples::inference_completed(1, "a", 2),
    ]
}

const QUIET_TIME: ReportCause = ReportCause::QuietTime;
const CLOSED: ReportCause = ReportCause::Closed;

#[test]
fn a_study_is_due_when_all_is_read_and_quiet() {
    check(&one_read(), 9, &[]);
    check(&one_read(), 10, &[(1, QUIET_TIME)]);
}

#[test]
fn quiet_alone_makes_nothing_due() {
    check(&one_read()[..2], 1_000, &[]);
}

#[test]
fn the_quiet_time_counts_from_the_last_image() {
    let mut facts = one_read();
    facts.push(samples::image_stored(2, "b", 8));
    facts.push(samples::inference_completed(2, "b", 9));
    facts.insert(4, samples::inference_requested(2, "b", 8));
    check(&facts, 17, &[]);
    check(&facts, 18, &[(1, QUIET_TIME)]);
}

#[test]
fn a_closed_study_is_due_at_once_but_not_before_all_is_read() {
    let close = samples::study_close_requested(9, 1);
    let mut facts = one_read();
    facts.insert(2, close);
    check(&facts[..3], 3, &[]);
    check(&facts, 3, &[(1, CLOSED)]);
}

#[test]
fn an_image_after_the_close_opens_the_study_again() {
    let mut facts = one_read();
    facts.push(samples::study_close_requested(9, 3));
    facts.push(samples::image_stored(2, "a", 4));
    facts.push(samples::duplicate_linked(2, 1, "a", 4));
    check(&facts, 5, &[]);
    check(&facts, 14, &[(1, QUIET_TIME)]);
    facts.push(samples::study_close_requested(10, 6));
    check(&facts, 7, &[(1, CLOSED)]);
}

#[test]
fn a_failed_image_and_a_given_up_image_have_outcomes() {
    let facts = [
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 0),
        samples::inference_failed(1, "a", 1),
        samples::image_stored(2, "b", 0),
        samples::inference_requested(2, "b", 0),
        samples::job_dead_lettered(2, "b", 3),
    ];
    check(&facts[..5], 20, &[]);
    check(&facts, 20, &[(1, QUIET_TIME)]);
}

#[test]
fn a_job_given_up_before_it_had_a_reading_has_an_outcome_until_it_gets_one() {
    let mut given_up = samples::job_dead_lettered(1, "a", 1);
    let Event::JobDeadLettered(e) = &mut given_up.event else { unreachable!() };
    e.reading_id = None;
    let mut facts = vec![samples::image_stored(1, "a", 0), given_up];
    check(&facts, 10, &[(1, QUIET_TIME)]);
    facts.push(issue(&facts, 10));
    facts.push(samples::inference_requested(1, "a", 30));
    check(&facts, 99, &[]);
    facts.push(samples::inference_completed(1, "a", 31));
    check(&facts, 99, &[(2, QUIET_TIME)]);
}

#[test]
fn duplicates_share_the_outcome_of_the_reading_in_other_studies_too() {
    let facts = [
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 0),
        in_study("S-2", samples::image_stored(2, "a", 0)),
        in_study("S-2", samples::duplicate_linked(2, 1, "a", 0)),
        samples::inference_completed(1, "a", 1),
    ];
    check(&facts[..4], 20, &[]);
    check(&facts, 20, &[(1, QUIET_TIME), (1, QUIET_TIME)]);
}

#[test]
fn what_was_reported_is_not_due_again() {
    let mut facts = one_read();
    facts.push(issue(&facts, 10));
    check(&facts, 1_000, &[]);
    facts.push(samples::study_close_requested(9, 20));
    check(&facts, 1_000, &[]);
}

#[test]
fn a_late_image_makes_a_new_revision_that_says_so() {
    let mut facts = one_read();
    facts.push(issue(&facts, 10));
    facts.push(samples::image_stored(2, "a", 100));
    check(&facts, 120, &[]);
    facts.push(samples::duplicate_linked(2, 1, "a", 101));
    check(&facts, 119, &[]);
    check(&facts, 120, &[(2, QUIET_TIME)]);
    let state = state_of(&facts);
    let brief = state.brief(&decide(&state, samples::at(120), &rules())[0], &rules()).expect("due");
    assert_eq!(
        brief.images.iter().map(|image| image.change).collect::<Vec<_>>(),
        [None, Some(Change::Added)]
    );
    assert_eq!(brief.cause_seq, 6);
    assert_eq!(brief.previous_revision, Some(1));
}

#[test]
fn a_redrive_that_heals_makes_a_new_revision() {
    let mut facts = vec![
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 0),
        samples::inference_failed(1, "a", 1),
    ];
    facts.push(issue(&facts, 10));
    facts.push(samples::inference_completed(1, "a", 100));
    check(&facts, 119, &[]);
    check(&facts, 120, &[(2, QUIET_TIME)]);
    let state = state_of(&facts);
    let brief = state.brief(&decide(&state, samples::at(120), &rules())[0], &rules()).expect("due");
    assert_eq!(brief.images[0].change, Some(Change::OutcomeChanged));
}

#[test]
fn an_upload_that_has_a_failed_reading_made_heals_every_study_that_shares_it() {
    let mut facts = vec![
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 0),
        in_study("other", samples::image_stored(2, "a", 0)),
        in_study("other", samples::duplicate_linked(2, 1, "a", 0)),
        samples::inference_failed(1, "a", 1),
    ];
    let state = state_of(&facts);
    let issued: Vec<_> = decide(&state, samples::at(11), &rules())
        .iter()
        .map(|due| report_of(&state, &log(&facts), due, 11))
        .collect();
    assert_eq!(issued.len(), 2);
    facts.extend(issued);
    let mut again = samples::inference_requested(3, "a", 100);
    let Event::InferenceRequested(e) = &mut again.event else { unreachable!() };
    (e.attempt, e.retried_for) = (2, Some(samples::reader()));
    facts.extend([in_study("third", samples::image_stored(3, "a", 100)), again]);
    check(&facts, 111, &[]);
    facts.push(samples::inference_completed(3, "a", 112));
    let mut due: Vec<_> =
        decide(&state_of(&facts), samples::at(132), &rules()).iter().map(|due| due.revision).collect();
    due.sort_unstable();
    assert_eq!(due, [1, 2, 2], "the study of the new upload and those that had failed");
}

#[test]
fn a_redrive_that_fails_again_makes_none() {
    let mut again = samples::inference_requested(1, "a", 20);
    let Event::InferenceRequested(e) = &mut again.event else { unreachable!() };
    e.attempt = 2;
    let mut facts = vec![
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 0),
        samples::inference_failed(1, "a", 1),
    ];
    facts.push(issue(&facts, 10));
    facts.push(again);
    assert_eq!(state_of(&facts).open_studies(), 1);
    facts.push(samples::inference_failed(1, "a", 30));
    check(&facts, 1_000, &[]);
    assert_eq!(state_of(&facts).open_studies(), 0);
}

#[test]
fn what_was_read_stays_read() {
    let mut facts = one_read();
    facts.push(issue(&facts, 10));
    facts.push(samples::job_dead_lettered(1, "a", 20));
    facts.push(samples::inference_failed(1, "a", 21));
    check(&facts, 1_000, &[]);
}

#[test]
fn what_came_while_a_report_was_made_is_news() {
    let mut facts = one_read();
    let report = issue(&facts, 10);
    facts.push(samples::image_stored(2, "a", 11));
    facts.push(samples::duplicate_linked(2, 1, "a", 11));
    facts.push(report);
    check(&facts, 30, &[]);
    check(&facts, 31, &[(2, QUIET_TIME)]);
}

#[test]
fn the_next_quiet_time_to_end_is_known() {
    let state = state_of(&one_read());
    assert_eq!(state.next_due_at(samples::at(3), &rules()), Some(samples::at(10)));
    assert_eq!(state.next_due_at(samples::at(10), &rules()), None);
}

/// Facts about four jobs of two studies and three contents, in any order that has each job's image first.
fn any_fact() -> impl Strategy<Value = Envelope> {
    (0_u8..10, 1_u128..5, 0_usize..3, 1_u32..3).prop_map(|(kind, job, content, attempt)| {
        let content = ["a", "b", "c"][content];
        let study = if job.is_multiple_of(2) { "S-1" } else { "S-2" };
        let mut requested = samples::inference_requested(job, content, 0);
        if let Event::InferenceRequested(e) = &mut requested.event {
            e.attempt = attempt;
        }
        match kind {
            0 => in_study(study, samples::image_stored(job, content, 0)),
            1 => requested,
            2 => in_study(study, samples::duplicate_linked(job, 1, content, 0)),
            3 => samples::inference_completed(job, content, 0),
            4 => samples::inference_failed(job, content, 0),
            5 => samples::job_dead_lettered(job, content, 0),
            6 => samples::study_close_requested(job, 0),
            7 => samples::image_taken_out(job, 0),
            8 => in_study(study, complete::manifest(job, attempt, &[content])),
            _ => in_study(study, complete::expecting(samples::image_stored(job, content, 0), attempt + 1)),
        }
    })
}

/// Any story, one second a fact, with every report issued as soon as it is due.
fn any_story() -> impl Strategy<Value = Vec<Envelope>> {
    any_story_by(rules())
}

fn any_story_by(rules: Rules) -> impl Strategy<Value = Vec<Envelope>> {
    proptest::collection::vec((any_fact(), 0_i64..15), 1..40).prop_map(move |facts| {
        let (mut story, mut second) = (Vec::new(), 0);
        for (mut fact, pause) in facts {
            second += pause;
            fact.occurred_at = samples::at(second);
            fact.event_id = EventId::following(uuid::Uuid::from_u128(story.len() as u128), "any");
            story.push(fact);
            let state = state_of(&story);
            let at = log(&story);
            let due = decide(&state, samples::at(second), &rules);
            story.extend(due.iter().map(|due| report_of(&state, &at, due, second)));
        }
        story
    })
}

proptest! {
    #[test]
    fn replay_of_a_prefix_and_then_the_rest_equals_replay_of_all(story in any_story(), cut in 0_usize..40) {
        let facts = log(&story);
        let (head, tail) = facts.split_at(cut.min(facts.len()));
        let mut resumed = State::default();
        fold(&mut resumed, head);
        let mut resumed = resumed.clone();
        fold(&mut resumed, tail);
        prop_assert_eq!(resumed, state_of(&story));
    }

    #[test]
    fn a_repeated_delivery_changes_nothing(story in any_story(), from in 0_usize..40) {
        let facts = log(&story);
        let mut folded = PositionedState::<State>::default();
        for (seq, envelope) in facts.iter().chain(&facts[from.min(facts.len())..]) {
            let bytes = envelope.encode().into();
            let message = Recorded::at(*seq, &envelope.subject(), envelope.occurred_at, bytes);
            prop_assert!(folded.take(&message).is_ok());
        }
        prop_assert_eq!(folded.state, state_of(&story));
    }

    #[test]
    fn what_was_issued_is_due_no_more_and_every_revision_has_its_own_cause(story in any_story()) {
        check_end(&rules(), story)?;
    }

    #[test]
    fn the_same_holds_with_a_time_limit_and_then_no_image_is_left_out_but_those_taken_out(story in any_story_by(strict_rules())) {
        let story = check_end(&strict_rules(), story)?;
        let newest = |study_id| story.iter().rev().find_map(|envelope| match &envelope.event {
            Event::ReportIssued(e) if e.study_id == study_id => Some(e),
            _ => None,
        });
        let (mut studies, mut out) = (BTreeMap::new(), BTreeSet::new());
        for envelope in &story {
            match &envelope.event {
                Event::ImageStored(e) => {
                    studies.entry(e.job_id).or_insert(e.study_id);
                }
                Event::ImageTakenOut(e) if studies.contains_key(&e.job_id) => {
                    out.insert(e.job_id);
                }
                _ => {}
            }
        }
        for (job_id, study_id) in studies {
            let is_told = newest(study_id).is_some_and(|report| report.job_ids.contains(&job_id));
            prop_assert_eq!(is_told, !out.contains(&job_id));
        }
    }

    #[test]
    fn a_brief_says_how_things_stood_at_its_cause_however_much_came_since(
        story in any_story_by(strict_rules()),
        more in proptest::collection::vec(any_fact(), 0..10),
    ) {
        let rules = strict_rules();
        let state = state_of(&story);
        let mut later = state.clone();
        let first = story.len() as u64 + 1;
        let more: Vec<_> = (first..).zip(more).filter(|(_, e)| !matches!(e.event, Event::ImageStored(_))).collect();
        fold(&mut later, &more);
        for due in decide(&state, samples::at(100_000), &rules) {
            prop_assert_eq!(state.brief(&due, &rules), later.brief(&due, &rules));
        }
    }
}

/// Long after the story all that is due is issued: then nothing is due any more.
fn check_end(rules: &Rules, mut story: Vec<Envelope>) -> Result<Vec<Envelope>, TestCaseError> {
    let end = samples::at(100_000);
    let state = state_of(&story);
    for due in decide(&state, end, rules) {
        let report = report_of(&state, &log(&story), &due, 100_000);
        story.push(report);
    }
    prop_assert_eq!(decide(&state_of(&story), end, rules), vec![]);
    let mut causes = BTreeSet::new();
    for envelope in &story {
        if let Event::ReportIssued(e) = &envelope.event {
            prop_assert!(causes.insert((e.study_id, envelope.causation_id)), "two revisions with one cause");
        }
    }
    Ok(story)
}

#[test]
fn a_flag_is_no_reason_for_a_report_and_moves_no_time() {
    let mut facts = vec![
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 1),
        samples::inference_completed(1, "a", 2),
        samples::study_flagged(1, "a", 5),
    ];
    check(&facts, 9, &[]);
    check(&facts, 10, &[(1, QUIET_TIME)]);
    facts.push(issue(&facts, 10));
    let mut other = samples::study_flagged(1, "a", 20);
    let Event::StudyFlagged(flag) = &mut other.event else { panic!("it is one") };
    flag.rule = "other".parse().unwrap();
    facts.push(other);
    check(&facts, 1000, &[]);
}
