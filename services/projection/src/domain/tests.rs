//! Events in, rows out.

use hilum_events::samples::{
    at, dead_letter_resolved, duplicate_linked, image_stored, inference_completed, inference_failed,
    inference_requested, job_dead_lettered, job_id, one_of_each, reading_id, report_issued, study_id,
};
use hilum_events::{Envelope, JobId, ReadingId, Resolution};
use proptest::prelude::*;

use super::*;

/// The rows after `events`, which stand in the log from position 1 on.
fn check(events: &[Envelope], expect: impl FnOnce(&Rows)) {
    expect(&folded(events.iter().zip(1..)));
}

fn folded<'a>(events: impl IntoIterator<Item = (&'a Envelope, u64)>) -> Rows {
    let mut rows = Rows::default();
    for (envelope, seq) in events {
        rows.evolve(&Fact { seq, stored_at: envelope.occurred_at, lane: None, envelope }, None);
    }
    rows
}

fn state(rows: &Rows, reading: ReadingId) -> Option<OutcomeState> {
    rows.outcomes.get(&reading).map(|row| row.state)
}

#[test]
fn an_image_makes_a_job_and_its_study() {
    check(&[image_stored(1, "a", 0), image_stored(2, "b", 9)], |rows| {
        assert_eq!(rows.jobs.keys().copied().collect::<Vec<JobId>>(), [job_id(1), job_id(2)]);
        let study = &rows.studies[&study_id()];
        assert_eq!((study.created_at, study.last_image_at), (at(0), at(9)));
        assert_eq!(rows.jobs[&job_id(2)].media_type, "application/dicom");
    });
}

#[test]
fn a_duplicate_is_linked_to_the_reading_of_the_first() {
    check(&[inference_requested(1, "a", 1), duplicate_linked(2, 1, "a", 2)], |rows| {
        assert_eq!(rows.links[&job_id(1)].duplicate_of, None);
        assert_eq!(rows.links[&job_id(2)].duplicate_of, Some(job_id(1)));
        assert_eq!(rows.links[&job_id(2)].reading_id, reading_id("a"));
        assert_eq!(rows.readings.len(), 1);
    });
}

#[test]
fn of_a_reading_that_was_told_twice_the_first_counts_as_in_reports() {
    let (first, mut second) = (inference_completed(1, "a", 1), inference_completed(2, "a", 2));
    second.occurred_at = at(9);
    for order in [[(&first, 1), (&second, 2)], [(&second, 2), (&first, 1)]] {
        assert_eq!(folded(order).outcomes[&reading_id("a")].seq, 1);
    }
}

#[test]
fn a_completed_reading_outweighs_an_earlier_and_a_later_failure() {
    check(&[job_dead_lettered(1, "a", 1), inference_completed(1, "a", 2)], |rows| {
        assert_eq!(state(rows, reading_id("a")), Some(OutcomeState::Completed));
    });
    check(&[inference_completed(1, "a", 1), job_dead_lettered(1, "a", 2)], |rows| {
        assert_eq!(state(rows, reading_id("a")), Some(OutcomeState::Completed));
        assert_eq!(rows.dead_letters.len(), 1);
    });
}

#[test]
fn a_job_given_up_before_it_had_a_reading_fails_alone() {
    let mut letter = job_dead_lettered(1, "a", 1);
    if let Event::JobDeadLettered(event) = &mut letter.event {
        event.reading_id = None;
    }
    check(&[letter], |rows| {
        assert!(rows.outcomes.is_empty());
        assert_eq!(rows.job_failures[&job_id(1)].reason, "the object in storage does not match its hash");
    });
}

#[test]
fn of_several_decisions_about_a_dead_letter_the_first_counts() {
    use Resolution::{Discard, Redrive};
    let decided = [
        job_dead_lettered(1, "a", 1),
        dead_letter_resolved(1, "a", Discard, 2),
        dead_letter_resolved(1, "a", Redrive, 3),
    ];
    check(&decided, |rows| {
        let row = &rows.resolutions[&(job_id(1), 2)];
        assert_eq!((row.seq, row.resolution, row.resolved_at), (2, Discard, at(2)));
        assert_eq!(rows.resolutions.len(), 1);
        assert_eq!(rows.history[&3].event, "dead-letter-resolved");
    });
}

#[test]
fn a_decision_touches_the_job_and_all_that_share_its_reading() {
    check(&[dead_letter_resolved(1, "a", Resolution::Redrive, 2)], |rows| {
        let ids = [job_id(1).as_uuid(), reading_id("a").as_uuid()];
        assert_eq!(rows.changed().ids, ids.into_iter().collect());
    });
}

#[test]
fn a_parked_message_has_no_nul_that_postgres_would_refuse() {
    let mut rows = Rows::default();
    rows.park(3, "evt.x", "bad \0 text");
    assert_eq!(rows.unreadable[&3].reason, "bad \u{fffd} text");
}

#[test]
fn what_changed_is_named_by_job_reading_and_study() {
    check(&[inference_requested(1, "a", 1)], |rows| {
        let ids = [job_id(1).as_uuid(), reading_id("a").as_uuid(), study_id().as_uuid()];
        assert_eq!(rows.changed().ids, ids.into_iter().collect());
    });
}

fn story() -> Vec<Envelope> {
    let mut story = one_of_each();
    story.extend([
        image_stored(5, "d", -3),
        inference_failed(1, "a", 8),
        inference_completed(3, "b", 9),
        job_dead_lettered(3, "b", 10),
        report_issued(2, &[1, 2, 5], 11),
        dead_letter_resolved(3, "b", Resolution::Discard, 12),
        dead_letter_resolved(3, "b", Resolution::Redrive, 13),
        job_dead_lettered(4, "c", 14),
        dead_letter_resolved(4, "c", Resolution::Discard, 15),
    ]);
    story
}

proptest! {
    #[test]
    fn the_order_in_which_facts_are_folded_does_not_matter(
        order in Just((0..story().len()).collect::<Vec<_>>()).prop_shuffle()
    ) {
        let story = story();
        let shuffled = folded(order.iter().map(|index| (&story[*index], *index as u64 + 1)));
        prop_assert_eq!(shuffled, folded(story.iter().zip(1..)));
    }

    #[test]
    fn a_second_delivery_changes_nothing(again in prop::collection::vec(0..story().len(), 1..8)) {
        let story = story();
        let twice = story.iter().zip(1..).chain(again.iter().map(|index| (&story[*index], *index as u64 + 1)));
        prop_assert_eq!(folded(twice), folded(story.iter().zip(1..)));
    }
}
