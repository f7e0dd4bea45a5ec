//! Given facts and how far the consumers are, at a time, then this is found.

use hilum_events::{Envelope, Event, Resolution, in_lane, samples};
use hilum_log::{PositionedState, Recorded};
use hilum_streams::{AdvisoryKind, ConsumerPosition};

use super::*;

const LIMITS: Limits = Limits { after: SignedDuration::from_secs(300), quiet: SignedDuration::from_secs(10) };
/// All consumers have handed out and settled all.
const SETTLED: (u64, u64) = (1000, 1000);

/// Facts get their positions by their order and are stored when they happened.
fn fold(state: &mut State, facts: &[Envelope]) {
    for (seq, envelope) in (state.last_seq + 1..).zip(facts) {
        fold_at(state, seq, envelope);
    }
}

fn fold_at(state: &mut State, seq: u64, envelope: &Envelope) {
    let lane = matches!(envelope.event, Event::InferenceRequested(_)).then_some(LANE);
    evolve(state, &Fact { seq, stored_at: envelope.occurred_at, lane, envelope });
}

fn state_of(facts: &[Envelope]) -> State {
    let mut state = State::default();
    fold(&mut state, facts);
    state
}

/// The lane in which the readings of the story wait.
const LANE: u16 = 3;

/// All consumers, of which the readers' are those of the story's lane, stand at (delivered, ack floor).
fn positions((delivered_seq, ack_floor_seq): (u64, u64)) -> Vec<ConsumerPosition> {
    let consumers = [(DEDUPE, None), (INFER_STAT, Some(LANE)), (INFER_ROUTINE, Some(LANE))];
    let position = |(consumer, lane): (&str, Option<u16>)| ConsumerPosition {
        consumer: consumer.to_owned(),
        lane,
        delivered_seq,
        ack_floor_seq,
        waiting: 0,
        in_hand: 0,
    };
    consumers.map(position).to_vec()
}

fn found(state: &State, queues: (u64, u64), second: i64) -> Vec<(Kind, u64, Action)> {
    let discrepancies = decide(state, &positions(queues), samples::at(second), &LIMITS);
    discrepancies.into_iter().map(|f| (f.kind, f.position.expect("a message"), f.action)).collect()
}

/// Given `facts` and consumers at (delivered, ack floor), when it is `second`, then this is found.
fn check(facts: &[Envelope], queues: (u64, u64), second: i64, then: &[(Kind, u64, Action)]) {
    assert_eq!(found(&state_of(facts), queues, second), then, "at second {second}");
}

/// A fact about the request at position `seq`, given up by its consumer.
fn given_up(mut envelope: Envelope, seq: u64) -> Envelope {
    match &mut envelope.event {
        Event::JobDeadLettered(e) => e.stream_seq = seq,
        Event::DeadLetterResolved(e) => e.stream_seq = seq,
        other => panic!("{other:?}"),
    }
    envelope
}

/// The same as a story of dedupe, that knew no reading.
fn before_a_reading(mut envelope: Envelope) -> Envelope {
    match &mut envelope.event {
        Event::JobDeadLettered(e) => (e.reading_id, e.consumer) = (None, DEDUPE.to_owned()),
        Event::DeadLetterResolved(e) => (e.reading_id, e.consumer) = (None, DEDUPE.to_owned()),
        other => panic!("{other:?}"),
    }
    envelope
}

fn attempt(number: u32, mut envelope: Envelope) -> Envelope {
    match &mut envelope.event {
        Event::InferenceRequested(e) => e.attempt = number,
        Event::InferenceFailed(e) => e.attempt = number,
        other => panic!("{other:?}"),
    }
    envelope
}

fn advisory(kind: AdvisoryKind, consumer: &str, stream_seq: u64) -> Advisory {
    let (consumer, at) = (consumer.to_owned(), samples::at(20));
    Advisory { seq: 1, kind, by_ticket: false, consumer, stream_seq, deliveries: 10, at }
}

#[test]
fn an_image_that_was_settled_without_claim_is_handed_out_again_after_the_limit() {
    let stored = [samples::image_stored(1, "a", 0)];
    check(&stored, SETTLED, 300, &[]);
    check(&stored, SETTLED, 301, &[(Kind::ImageWithoutClaim, 1, Action::HandOutAgain)]);
}

#[test]
fn an_image_that_waits_in_the_queue_is_no_finding_however_long_it_waits() {
    check(&[samples::image_stored(1, "a", 0)], (0, 0), 1_000_000, &[]);
}

#[test]
fn what_may_be_in_hand_gets_three_times_as_long() {
    let stored = [samples::image_stored(1, "a", 0)];
    check(&stored, (1, 0), 900, &[]);
    check(&stored, (1, 0), 901, &[(Kind::ImageWithoutClaim, 1, Action::HandOutAgain)]);
}

#[test]
fn what_waited_long_and_is_in_hand_only_now_is_given_its_time() {
    let mut state = state_of(&[samples::image_stored(1, "a", 0)]);
    state.note_handed_out(&positions((0, 0)), samples::at(5000));
    state.note_handed_out(&positions((1, 0)), samples::at(10_000));
    state.note_handed_out(&positions((1, 0)), samples::at(10_500));
    assert_eq!(found(&state, (1, 0), 10_900), []);
    assert_eq!(found(&state, (1, 0), 10_901), [(Kind::ImageWithoutClaim, 1, Action::HandOutAgain)]);
}

#[test]
fn claims_links_and_dead_letters_end_an_image() {
    let stored = samples::image_stored(2, "a", 0);
    let ends = [
        samples::duplicate_linked(2, 1, "a", 1),
        before_a_reading(given_up(samples::job_dead_lettered(2, "a", 1), 1)),
    ];
    for end in ends {
        let state = state_of(&[stored.clone(), end]);
        assert_eq!(state.open_count(), 0);
    }
    let state = state_of(&[stored, samples::inference_requested(2, "a", 1)]);
    let (work, open) = state.open.iter().next().unwrap();
    assert_eq!((*work, open.consumer, open.seq), (Work::Reading(samples::reading_id("a")), INFER_ROUTINE, 2));
}

#[test]
fn a_link_to_a_reading_that_ended_long_ago_ends_the_image() {
    let facts = [
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 1),
        samples::inference_completed(1, "a", 2),
        samples::report_issued(1, &[1], 3),
        samples::image_stored(2, "a", 100),
        samples::duplicate_linked(2, 1, "a", 101),
        samples::report_issued(2, &[1, 2], 120),
    ];
    check(&facts, SETTLED, 1_000_000, &[]);
}

#[test]
fn an_image_that_was_taken_out_of_its_study_needs_no_report() {
    let mut facts = vec![
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 1),
        samples::inference_completed(1, "a", 2),
    ];
    let found = |facts: &[Envelope]| {
        decide(&state_of(facts), &positions(SETTLED), samples::at(1_000_000), &LIMITS).len()
    };
    assert_eq!(found(&facts), 1, "its report");
    facts.push(samples::image_taken_out(1, 3));
    assert_eq!(found(&facts), 0);
}

#[test]
fn a_reading_without_outcome_is_handed_to_the_consumer_of_its_priority() {
    let facts = [samples::image_stored(1, "a", 0), samples::inference_requested(1, "a", 1)];
    check(&facts, SETTLED, 302, &[(Kind::ReadingWithoutOutcome, 2, Action::HandOutAgain)]);
    let discrepancy = &decide(&state_of(&facts), &positions(SETTLED), samples::at(302), &LIMITS)[0];
    assert_eq!(discrepancy.consumer, "infer-routine");
    assert_eq!(discrepancy.job_id, Some(samples::job_id(1)));
    assert_eq!(discrepancy.reading_id, Some(samples::reading_id("a")));
    let mut stat = facts.clone();
    let Event::InferenceRequested(request) = &mut stat[1].event else { panic!() };
    request.priority = Priority::Stat;
    let discrepancy = &decide(&state_of(&stat), &positions(SETTLED), samples::at(302), &LIMITS)[0];
    assert_eq!(discrepancy.consumer, "infer-stat");
}

#[test]
fn a_reading_waits_in_its_lane_and_is_lost_when_there_is_none() {
    let facts = [samples::image_stored(1, "a", 0), samples::inference_requested(1, "a", 1)];
    let state = state_of(&facts);
    let later = samples::at(1_000_000);
    let mut positions = positions((1, 1));
    assert_eq!(decide(&state, &positions, later, &LIMITS), [], "it waits, however long that is");
    for position in &mut positions {
        position.lane = position.lane.map(|lane| lane + 1);
    }
    let discrepancies = decide(&state, &positions, later, &LIMITS);
    let found: Vec<_> = discrepancies.iter().map(|f| (f.kind, f.position, f.action)).collect();
    assert_eq!(found, [(Kind::ReadingWithoutOutcome, Some(2), Action::HandOutAgain)]);
    assert_eq!(discrepancies[0].consumer, "infer-routine", "the retries of all lanes have one consumer");
}

#[test]
fn every_outcome_ends_a_reading() {
    let begun = [samples::image_stored(1, "a", 0), samples::inference_requested(1, "a", 1)];
    let ends = [
        samples::inference_completed(1, "a", 2),
        samples::inference_failed(1, "a", 2),
        samples::job_dead_lettered(1, "a", 2),
    ];
    for end in ends {
        let mut facts = begun.to_vec();
        facts.extend([end, samples::report_issued(1, &[1], 3)]);
        check(&facts, SETTLED, 1_000_000, &[]);
    }
}

#[test]
fn a_late_failure_of_an_attempt_that_was_given_up_does_not_end_the_next_attempt() {
    let facts = [
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 1),
        samples::job_dead_lettered(1, "a", 2),
        samples::dead_letter_resolved(1, "a", Resolution::Redrive, 3),
        attempt(2, samples::inference_requested(1, "a", 4)),
        attempt(1, samples::inference_failed(1, "a", 5)),
    ];
    check(&facts, SETTLED, 305, &[(Kind::ReadingWithoutOutcome, 5, Action::HandOutAgain)]);
    let mut state = state_of(&facts);
    fold(&mut state, &[attempt(2, samples::inference_failed(1, "a", 6))]);
    assert_eq!(state.open_count(), 0);
}

#[test]
fn a_redrive_that_nothing_followed_is_handed_out_again() {
    let facts = [
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 1),
        samples::job_dead_lettered(1, "a", 2),
        samples::dead_letter_resolved(1, "a", Resolution::Redrive, 3),
    ];
    check(&facts, SETTLED, 304, &[(Kind::RedriveWithoutEffect, 4, Action::HandOutAgain)]);
    let discrepancy = &decide(&state_of(&facts), &positions(SETTLED), samples::at(304), &LIMITS)[0];
    assert_eq!(discrepancy.consumer, "dedupe");
    let ends = [
        attempt(2, samples::inference_requested(1, "a", 4)),
        given_up(samples::job_dead_lettered(1, "a", 4), 4),
        samples::inference_completed(1, "a", 4),
    ];
    for end in ends {
        let mut state = state_of(&facts);
        fold(&mut state, &[end]);
        let redrives = state.open.values().filter(|open| open.missing == Kind::RedriveWithoutEffect);
        assert_eq!(redrives.count(), 0);
    }
}

#[test]
fn a_failed_reading_that_is_redriven_is_open_until_its_next_attempt_has_an_outcome() {
    let redriven = [
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 1),
        samples::inference_failed(1, "a", 2),
        samples::failed_reading_redriven(1, "a", 2, 3),
    ];
    check(&redriven, SETTLED, 304, &[(Kind::RedriveWithoutEffect, 4, Action::HandOutAgain)]);
    let mut state = state_of(&redriven);
    fold(&mut state, &[attempt(2, samples::inference_requested(1, "a", 4))]);
    assert_eq!(found(&state, SETTLED, 305), [(Kind::ReadingWithoutOutcome, 5, Action::HandOutAgain)]);
    fold(&mut state, &[samples::inference_completed(1, "a", 5)]);
    assert_eq!((state.open_count(), state.parked.len()), (0, 0));
}

#[test]
fn a_redrive_of_a_failure_that_was_tried_again_meanwhile_opens_nothing() {
    let facts = [
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 1),
        samples::inference_failed(1, "a", 2),
        attempt(2, samples::inference_requested(1, "a", 3)),
        attempt(2, samples::inference_failed(1, "a", 4)),
        samples::failed_reading_redriven(1, "a", 2, 5),
    ];
    assert_eq!(state_of(&facts).open_count(), 0);
}

#[test]
fn a_redriven_image_is_open_until_its_claim_or_link() {
    let facts = [
        samples::image_stored(2, "a", 0),
        before_a_reading(given_up(samples::job_dead_lettered(2, "a", 1), 1)),
        before_a_reading(given_up(samples::dead_letter_resolved(2, "a", Resolution::Redrive, 2), 1)),
    ];
    check(&facts, SETTLED, 303, &[(Kind::RedriveWithoutEffect, 3, Action::HandOutAgain)]);
    let mut state = state_of(&facts);
    fold(&mut state, &[samples::duplicate_linked(2, 1, "a", 4)]);
    assert_eq!(state.open_count(), 0);
}

#[test]
fn discards_and_redrives_of_what_was_done_after_all_open_nothing() {
    let parked = [
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 1),
        samples::job_dead_lettered(1, "a", 2),
    ];
    let after = [
        vec![samples::dead_letter_resolved(1, "a", Resolution::Discard, 3)],
        vec![
            samples::inference_completed(1, "a", 3),
            samples::dead_letter_resolved(1, "a", Resolution::Redrive, 4),
        ],
    ];
    for facts in after {
        let mut state = state_of(&parked);
        fold(&mut state, &facts);
        assert_eq!((state.open_count(), state.parked.len()), (0, 0));
    }
}

#[test]
fn what_the_sweep_itself_parked_of_an_ended_job_opens_nothing_when_redriven() {
    let mut letter = before_a_reading(given_up(samples::job_dead_lettered(1, "a", 5), 1));
    let Event::JobDeadLettered(e) = &mut letter.event else { panic!() };
    e.consumer = SWEEP.to_owned();
    let facts = [
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 1),
        samples::inference_completed(1, "a", 2),
        letter,
        before_a_reading(given_up(samples::dead_letter_resolved(1, "a", Resolution::Redrive, 6), 1)),
    ];
    assert_eq!(state_of(&facts).open_count(), 0);
}

#[test]
fn a_repair_without_effect_is_made_three_times_and_then_the_message_is_parked() {
    let mut state = state_of(&[samples::image_stored(1, "a", 0)]);
    let work = Work::Image(samples::job_id(1));
    for second in [301, 602, 903] {
        assert_eq!(found(&state, SETTLED, second), [(Kind::ImageWithoutClaim, 1, Action::HandOutAgain)]);
        state.note_repair(work, samples::at(second));
        assert_eq!(found(&state, SETTLED, second + 300), [], "it has its time");
    }
    assert_eq!(found(&state, SETTLED, 1204), [(Kind::ImageWithoutClaim, 1, Action::Park)]);
    let discrepancy = &decide(&state, &positions(SETTLED), samples::at(1204), &LIMITS)[0];
    let times: Vec<_> = discrepancy.tries.iter().map(|tried| tried.at).collect();
    assert_eq!(times, [301, 602, 903, 1204].map(samples::at));
    assert_eq!(discrepancy.tries[3].errors, std::slice::from_ref(&discrepancy.reason));
    fold(&mut state, &[samples::inference_requested(1, "a", 1205)]);
    assert_eq!(state.open.get(&work), None, "the repairs are forgotten with it");
}

#[test]
fn a_retry_that_is_under_way_is_looked_at_again_after_the_limit() {
    let mut state = state_of(&[samples::image_stored(1, "a", 0)]);
    state.note_under_way(Work::Image(samples::job_id(1)), samples::at(400));
    assert_eq!(found(&state, SETTLED, 700), []);
    assert_eq!(found(&state, SETTLED, 701).len(), 1);
}

#[test]
fn a_message_that_no_worker_answered_is_parked_with_that_story() {
    let mut state = state_of(&[samples::image_stored(1, "a", 0)]);
    state.note_advisory(advisory(AdvisoryKind::MaxDeliveries, DEDUPE, 1));
    assert_eq!(found(&state, (1, 0), 21), [(Kind::AdvisoryWithoutDeadLetter, 1, Action::Park)]);
    let discrepancy = &decide(&state, &[], samples::at(21), &LIMITS)[0];
    assert_eq!(discrepancy.reason, "10 workers of dedupe took it and none answered");
    assert_eq!((discrepancy.tries[0].at, discrepancy.tries[0].deliveries), (samples::at(20), 10));
}

#[test]
fn an_advisory_on_what_has_ended_says_nothing() {
    let facts = [samples::image_stored(1, "a", 0), samples::duplicate_linked(1, 2, "a", 1)];
    let mut state = state_of(&facts);
    for position in [1, 2, 7] {
        state.note_advisory(advisory(AdvisoryKind::Terminated, DEDUPE, position));
    }
    assert_eq!(decide(&state, &[], samples::at(100), &LIMITS), []);
    state.forget_settled_advisories();
    let kept: Vec<u64> = state.advisories.keys().map(|(_, position)| *position).collect();
    assert_eq!(kept, [7], "what was not folded yet may be open");
}

#[test]
fn an_advisory_on_a_delivery_is_in_doubt_until_it_was_looked_up() {
    let mut state = state_of(&[samples::report_issued(1, &[1], 0), samples::inference_completed(1, "a", 1)]);
    let told = [("deliver-pacs", 1), ("deliver-triage", 2)]
        .map(|(consumer, position)| advisory(AdvisoryKind::MaxDeliveries, consumer, position));
    told.iter().for_each(|advisory| state.note_advisory(advisory.clone()));
    state.note_advisory(advisory(AdvisoryKind::MaxDeliveries, DEDUPE, 1));
    state.forget_settled_advisories();
    assert!(state.advisories.is_empty());
    assert_eq!(state.take_doubts(10), told.map(Doubt::DeliveryUnanswered));
}

#[test]
fn a_delivery_that_no_worker_answered_is_parked_under_its_consumer_with_that_story() {
    let discrepancy = Discrepancy::never_answered(&advisory(AdvisoryKind::MaxDeliveries, "deliver-pacs", 7));
    assert_eq!((discrepancy.kind, discrepancy.action), (Kind::AdvisoryWithoutDeadLetter, Action::Park));
    assert_eq!((discrepancy.consumer.as_str(), discrepancy.position), ("deliver-pacs", Some(7)));
    assert_eq!(discrepancy.reason, "10 workers of deliver-pacs took it and none answered");
    assert_eq!(discrepancy.tries[0].errors, std::slice::from_ref(&discrepancy.reason));
}

#[test]
fn a_claim_of_a_job_that_is_not_open_is_in_doubt_and_others_are_not() {
    let doubts = |facts: &[Envelope]| {
        let claims = |doubt: &Doubt| match doubt {
            Doubt::ClaimWithoutJob { seq, .. } => Some(*seq),
            Doubt::LetterWithoutEntry { .. } | Doubt::DeliveryUnanswered(_) => None,
        };
        state_of(facts).doubts.iter().filter_map(claims).collect::<Vec<u64>>()
    };
    let (stored, claim) = (samples::image_stored(1, "a", 0), samples::inference_requested(1, "a", 1));
    assert_eq!(doubts(std::slice::from_ref(&claim)), [1]);
    assert_eq!(doubts(&[stored.clone(), claim.clone()]), [] as [u64; 0]);
    let redriven = [
        stored,
        before_a_reading(given_up(samples::job_dead_lettered(1, "a", 1), 1)),
        before_a_reading(given_up(samples::dead_letter_resolved(1, "a", Resolution::Redrive, 2), 1)),
        claim,
        samples::job_dead_lettered(1, "a", 2),
        attempt(2, samples::inference_requested(1, "a", 3)),
    ];
    assert_eq!(doubts(&redriven), [] as [u64; 0]);
}

#[test]
fn every_dead_letter_is_looked_up_once() {
    let mut state = state_of(&[samples::job_dead_lettered(1, "a", 5)]);
    let doubts = state.take_doubts(10);
    let [Doubt::LetterWithoutEntry { consumer, stream_seq, last_try, .. }] = &doubts[..] else {
        panic!("{doubts:?}")
    };
    assert_eq!((consumer.as_str(), *stream_seq, last_try.deliveries), ("infer-routine", 2, 5));
    assert_eq!(state.take_doubts(10), []);
}

#[test]
fn an_unreadable_message_is_work_of_the_consumer_that_hands_it_out() {
    let mut state = State::default();
    let subjects = [
        ("evt.image-stored.main.s.j", Some(DEDUPE)),
        ("evt.dead-letter-resolved.main.j.2", Some(DEDUPE)),
        ("evt.inference-requested.main.r.stat", Some(INFER_STAT)),
        ("evt.inference-requested.main.r.routine", Some(INFER_ROUTINE)),
        ("evt.inference-requested.main.r.routine-7", Some(INFER_ROUTINE)),
        ("evt.study-flagged.main.s.tumour", Some(DEDUPE)),
        ("evt.report-issued.main.s.1", None),
        ("evt", None),
    ];
    for (seq, (subject, consumer)) in (1..).zip(subjects) {
        state.unreadable(seq, samples::at(0), subject);
        assert_eq!(state.open(Work::Unreadable(seq)).map(|open| open.consumer), consumer);
    }
    assert!(found(&state, SETTLED, 301).iter().all(|(kind, ..)| *kind == Kind::UnreadableWithoutDeadLetter));
}

#[test]
fn a_study_whose_images_have_outcomes_is_missed_by_its_report_after_limit_and_quiet_time() {
    let facts = [
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 1),
        samples::image_stored(2, "a", 2),
        samples::duplicate_linked(2, 1, "a", 3),
        samples::inference_completed(1, "a", 50),
    ];
    check(&facts, SETTLED, 360, &[]);
    check(&facts, SETTLED, 361, &[(Kind::StudyWithoutReport, 3, Action::Name)]);
    check(&facts[..4], (1000, 1000), 361, &[(Kind::ReadingWithoutOutcome, 2, Action::HandOutAgain)]);
    let mut state = state_of(&facts);
    fold(&mut state, &[samples::report_issued(1, &[1], 60)]);
    assert_eq!(found(&state, SETTLED, 361).len(), 1, "the second image is not covered");
    fold(&mut state, &[samples::report_issued(2, &[1, 2], 61)]);
    assert_eq!(found(&state, SETTLED, 1_000_000), []);
}

#[test]
fn what_has_ended_costs_nothing() {
    let mut state = State::default();
    for number in 1..=100 {
        let content = format!("{}", number % 7);
        let stored = samples::image_stored(number, &content, 0);
        let followed = if number <= 7 {
            let (claim, end) = (
                samples::inference_requested(number, &content, 1),
                samples::inference_completed(number, &content, 2),
            );
            vec![stored, claim, end]
        } else {
            vec![stored, samples::duplicate_linked(number, number % 7, &content, 1)]
        };
        fold(&mut state, &followed);
    }
    fold(&mut state, &[samples::report_issued(1, &(1..=100).collect::<Vec<_>>(), 3)]);
    assert!(state.open.is_empty() && state.parked.is_empty() && state.doubts.is_empty());
    assert!(state.studies.is_empty());
}

#[test]
fn a_fact_that_comes_twice_changes_nothing() {
    let facts = samples::one_of_each();
    let mut folded = PositionedState::<State>::default();
    let mut once = None;
    for _ in 0..2 {
        for (seq, envelope) in (1..).zip(&facts) {
            let subject = match &envelope.event {
                Event::InferenceRequested(_) => in_lane(&envelope.subject(), LANE),
                _ => envelope.subject(),
            };
            let message = Recorded::at(seq, &subject, envelope.occurred_at, envelope.encode().into());
            folded.take(&message).unwrap();
        }
        once.get_or_insert_with(|| folded.state.clone());
    }
    assert_eq!(Some(&folded.state), once.as_ref());
    assert_eq!(folded.state, state_of(&facts), "and the lane comes from where it stands");
}
