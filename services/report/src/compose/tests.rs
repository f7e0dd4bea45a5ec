//! Documents of small stories; the tests of the page use them too.

use hilum_events::{Envelope, Event, samples};
use jiff::SignedDuration;

use super::*;
use crate::domain::{Fact, State, decide, evolve};

/// The report that is due once all of `facts` are known and quiet.
pub(crate) fn report_of(facts: &[Envelope]) -> Report {
    let (brief, story) = brief_of(facts);
    compose(&brief, &story).expect("the story is whole")
}

fn brief_of(facts: &[Envelope]) -> (Brief, Story) {
    let (mut state, mut log) = (State::default(), Story::new());
    for (seq, envelope) in (1..).zip(facts) {
        let stored_at = envelope.occurred_at;
        evolve(&mut state, &Fact { seq, stored_at, envelope });
        log.insert(seq, StoredFact { seq, stored_at, envelope: envelope.clone() });
    }
    let due = decide(&state, samples::at(100_000), SignedDuration::from_secs(10));
    let brief = state.brief(due.first().expect("a report is due")).expect("due");
    let needed = needed(&brief);
    log.retain(|seq, _| needed.contains(seq));
    (brief, log)
}

/// Image 1 is read, 2 shares its reading, 3 failed, 4 was given up.
pub(crate) fn one_of_each() -> Vec<Envelope> {
    vec![
        samples::image_stored(1, "a", 0),
        samples::inference_requested(1, "a", 1),
        samples::image_stored(2, "a", 2),
        samples::duplicate_linked(2, 1, "a", 2),
        samples::inference_completed(1, "a", 3),
        samples::image_stored(3, "b", 4),
        samples::inference_requested(3, "b", 4),
        samples::inference_failed(3, "b", 5),
        samples::image_stored(4, "c", 6),
        samples::inference_requested(4, "c", 6),
        samples::job_dead_lettered(4, "c", 7),
    ]
}

/// [`one_of_each`], reported, and a late image after that.
pub(crate) fn revised() -> Vec<Envelope> {
    let mut facts = one_of_each();
    let mut issued = samples::report_issued(1, &[1, 2, 3, 4], 20);
    issued.causation_id = facts.last().map(|fact| fact.event_id);
    facts.push(issued);
    facts.push(samples::image_stored(5, "a", 30));
    facts.push(samples::duplicate_linked(5, 1, "a", 31));
    facts
}

#[test]
fn every_image_tells_its_outcome() {
    let report = report_of(&one_of_each());
    let told: Vec<_> = report
        .images
        .iter()
        .map(|image| {
            (image.status, image.duplicate_of, image.reason_code.as_deref(), image.reading.is_some())
        })
        .collect();
    let first = samples::job_id(1);
    assert_eq!(
        told,
        [
            (ImageStatus::Completed, None, None, true),
            (ImageStatus::Completed, Some(first), None, true),
            (ImageStatus::Failed, None, Some("truncated"), false),
            (ImageStatus::Failed, None, Some("dead_lettered"), false),
        ]
    );
    assert_eq!(report.summary, Summary { images: 4, completed: 2, failed: 2, duplicates: 1 });
    assert_eq!((report.revision, report.changes.len()), (1, 0));
    assert_eq!(report.as_of, samples::at(7));
    assert_eq!(report.models.len(), 1);
    assert_eq!(report.models[0].notice.as_deref(), Some(UNTRAINED_NOTICE));
}

#[test]
fn a_revision_says_what_changed_and_names_its_events() {
    let report = report_of(&revised());
    assert_eq!(report.revision, 2);
    assert_eq!(report.changes, [ChangeEntry { job_id: samples::job_id(5), change: ChangeKind::Added }]);
    assert_eq!(report.provenance.previous_revision, Some(1));
    let seqs: Vec<_> = report.provenance.events.iter().map(|event| event.stream_seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14]);
    assert_eq!(report.provenance.objects.len(), 3);
}

#[test]
fn findings_without_an_operating_point_rank_last() {
    let report = report_of(&one_of_each());
    let reading = report.images[0].reading.as_ref().expect("read");
    assert_eq!(reading.top_findings, ["Effusion", "Mass"]);
    assert_eq!(reading.top_map().map(|map| map.label.as_str()), Some("Effusion"));
}

#[test]
fn the_document_is_read_back_as_it_was_written() {
    let report = report_of(&revised());
    let json = report.to_json().expect("has a JSON form");
    assert_eq!(serde_json::from_slice::<Report>(&json).expect("is a report"), report);
    assert!(json.starts_with(b"{\n  \"format\": \"hilum-report/1\",\n  \"disclaimer\""));
}

#[test]
fn a_log_that_does_not_say_what_was_folded_makes_no_report() {
    let (brief, story) = brief_of(&one_of_each());
    let mut gap = story.clone();
    gap.remove(&5);
    assert_eq!(compose(&brief, &gap), Err(ComposeError::Missing { seq: 5 }));
    let mut other = story;
    let swapped = other[&1].envelope.clone();
    other.get_mut(&8).expect("there").envelope = swapped;
    assert_eq!(compose(&brief, &other), Err(ComposeError::Unexpected { seq: 8, found: "image-stored" }));
}

#[test]
fn a_word_in_the_log_of_another_reading_is_not_taken_for_this_one() {
    let (mut brief, story) = brief_of(&one_of_each());
    brief.images[0].reading_id = Some(samples::reading_id("b"));
    assert!(matches!(story[&5].envelope.event, Event::InferenceCompleted(_)));
    let found = compose(&brief, &story);
    assert_eq!(found, Err(ComposeError::Unexpected { seq: 5, found: "inference-completed" }));
}
