//! I1: what was told durable is there, whichever way it came. I9: what was not may be there or not, but never in part.

use std::collections::{BTreeMap, BTreeSet};

use hilum_events::{Event, ImageStored, JobId, Sha256Digest, StudyId};

use crate::invariants::{Evidence, Fact, Harm, Violation};
use crate::journal::{Answer, Attempt};

/// How often each content of each study.
type Counts = BTreeMap<(StudyId, Sha256Digest), i64>;

/// I1: every 202 has its event, and an object with the same hash.
pub(super) fn every_202_is_kept(evidence: &Evidence) -> Vec<Violation> {
    let stored = stored(&evidence.facts);
    let lost = |what: String| Violation::new("I1", Harm::Lost, what);
    let mut violations = Vec::new();
    for attempt in &evidence.attempts {
        let Answer::Accepted(job_id) = attempt.answer else { continue };
        match stored.get(&job_id) {
            None => violations.push(lost(format!("job {job_id} got its 202 and is not in the log"))),
            Some(image) if image.image.blob.sha256 != attempt.sha256 => {
                violations.push(lost(format!("the event of job {job_id} names another content")));
            }
            Some(image) if image.study_id != attempt.study_id => {
                violations.push(lost(format!("the event of job {job_id} names another study")));
            }
            Some(_) => {}
        }
    }
    violations
}

/// I1: of what was told durable without a job, as many images stand in the log.
pub(super) fn all_that_was_taken_is_kept(evidence: &Evidence) -> Vec<Violation> {
    let missing = missing(&evidence.attempts, &evidence.facts);
    let lost = missing.into_iter().map(|((study_id, sha256), number)| {
        let what = format!(
            "{number} images of study {study_id} with the hash {sha256} were taken and are not in the log"
        );
        Violation::new("I1", Harm::Lost, what)
    });
    lost.collect()
}

/// How many images of those that were taken do not stand in `facts` yet: in a bucket they lie until they are found.
pub fn not_there_yet(attempts: &[Attempt], facts: &[Fact]) -> usize {
    missing(attempts, facts).values().map(|number| usize::try_from(*number).unwrap_or(0)).sum()
}

/// Images that were taken without a job and do not stand in `facts`.
fn missing(attempts: &[Attempt], facts: &[Fact]) -> Counts {
    let accepted = accepted(attempts);
    let mut missing = Counts::new();
    for attempt in attempts.iter().filter(|attempt| attempt.answer == Answer::Taken) {
        *missing.entry((attempt.study_id, attempt.sha256)).or_default() += 1;
    }
    for (job_id, image) in stored(facts) {
        if !accepted.contains(&job_id) {
            *missing.entry((image.study_id, image.image.blob.sha256)).or_default() -= 1;
        }
    }
    missing.retain(|_, number| *number > 0);
    missing
}

/// Jobs that were told with a 202.
fn accepted(attempts: &[Attempt]) -> BTreeSet<JobId> {
    let accepted = attempts.iter().filter_map(|attempt| match attempt.answer {
        Answer::Accepted(job_id) => Some(job_id),
        _ => None,
    });
    accepted.collect()
}

/// I9: an upload without its 202 stands in the log only if it was sent, and whatever stands there is whole.
pub(super) fn nothing_is_there_in_part(evidence: &Evidence) -> Vec<Violation> {
    let mut violations = Vec::new();
    let accepted = accepted(&evidence.attempts);
    // What was told taken without a job, or not taken, or nothing: each may stand in the log once.
    let mut open = Counts::new();
    let may_stand = |answer: Answer| answer == Answer::Taken || answer.is_open();
    for attempt in evidence.attempts.iter().filter(|attempt| may_stand(attempt.answer)) {
        *open.entry((attempt.study_id, attempt.sha256)).or_default() += 1;
    }
    for (job_id, image) in stored(&evidence.facts) {
        let blob = &image.image.blob;
        let found = evidence.objects.get(&blob.key);
        if !evidence.damaged.contains(&blob.sha256) && found != Some(&blob.sha256) {
            let what = match found {
                None => format!("job {job_id} has an event and no object {}", blob.key),
                Some(found) => {
                    format!("the object of job {job_id} has the hash {found}, not {}", blob.sha256)
                }
            };
            let invariant = if accepted.contains(&job_id) { "I1" } else { "I9" };
            violations.push(Violation::new(invariant, Harm::Lost, what));
        }
        if !accepted.contains(&job_id) {
            let left = open.entry((image.study_id, blob.sha256)).or_default();
            *left -= 1;
            if *left < 0 {
                let what = format!("job {job_id} stands in the log and nobody sent it");
                violations.push(Violation::new("I9", Harm::Doubled, what));
            }
        }
    }
    violations
}

fn stored(facts: &[Fact]) -> BTreeMap<JobId, &ImageStored> {
    let stored = facts.iter().filter_map(|fact| match &fact.envelope.event {
        Event::ImageStored(stored) => Some((stored.job_id, stored)),
        _ => None,
    });
    stored.collect()
}

#[cfg(test)]
mod tests {
    use hilum_events::Sha256Digest;

    use super::*;
    use crate::invariants::sample::{breaks, healthy};

    #[test]
    fn an_accepted_image_without_its_event_is_found() {
        breaks("I1", |evidence| evidence.drop_facts("image-stored", 1));
    }

    #[test]
    fn an_accepted_image_whose_event_names_another_content_is_found() {
        breaks("I1", |evidence| evidence.attempts[0].sha256 = Sha256Digest::of(b"other"));
    }

    #[test]
    fn an_accepted_image_without_its_object_is_found() {
        breaks("I1", |evidence| {
            let key = evidence.key_of(0);
            evidence.objects.remove(&key);
        });
    }

    #[test]
    fn an_object_with_a_flipped_bit_is_found() {
        breaks("I1", |evidence| {
            let key = evidence.key_of(0);
            evidence.objects.insert(key, Sha256Digest::of(b"flipped"));
        });
    }

    #[test]
    fn an_image_that_was_taken_and_is_not_there_is_found_each_time() {
        let mut evidence = healthy();
        evidence.attempts[0].answer = Answer::Taken;
        assert_eq!(crate::invariants::violations(&evidence), []);
        assert_eq!(not_there_yet(&evidence.attempts, &evidence.facts), 0);
        // One more of the same, taken as well.
        let again = evidence.attempts[0].clone();
        evidence.attempts.push(again);
        assert_eq!(not_there_yet(&evidence.attempts, &evidence.facts), 1);
        let found = crate::invariants::violations(&evidence);
        assert!(
            matches!(&found[..], [lost] if lost.invariant == "I1" && lost.harm == Harm::Lost),
            "{found:?}"
        );
        breaks("I9", |evidence| {
            evidence.attempts[0].answer = Answer::Taken;
            evidence.attempts[0].sha256 = Sha256Digest::of(b"other");
        });
    }

    #[test]
    fn an_upload_without_an_answer_that_is_there_in_part_is_found() {
        breaks("I9", |evidence| {
            evidence.attempts[0].answer = Answer::Unknown;
            let key = evidence.key_of(0);
            evidence.objects.remove(&key);
        });
    }

    #[test]
    fn an_upload_without_an_answer_may_be_there_and_one_that_nobody_sent_may_not() {
        let mut evidence = healthy();
        evidence.attempts[0].answer = Answer::Unknown;
        assert_eq!(crate::invariants::violations(&evidence), []);
        breaks("I9", |evidence| evidence.attempts[0].answer = Answer::Unreachable);
    }
}
