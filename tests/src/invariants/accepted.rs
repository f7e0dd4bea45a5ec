//! I1: what got its 202 is there. I9: what did not may be there or not, but never in part.

use std::collections::BTreeMap;

use hilum_events::{Event, ImageStored, JobId};

use crate::invariants::{Evidence, Harm, Violation};
use crate::journal::Answer;

/// I1: every 202 has its event, and an object with the same hash.
pub(super) fn every_202_is_kept(evidence: &Evidence) -> Vec<Violation> {
    let stored = stored(evidence);
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

/// I9: an upload without its 202 stands in the log only if it was sent, and whatever stands there is whole.
pub(super) fn nothing_is_there_in_part(evidence: &Evidence) -> Vec<Violation> {
    let mut violations = Vec::new();
    let accepted: Vec<JobId> = evidence
        .attempts
        .iter()
        .filter_map(|attempt| match attempt.answer {
            Answer::Accepted(job_id) => Some(job_id),
            _ => None,
        })
        .collect();
    // Uploads whose sender was told that they were not taken, or nothing: each may stand in the log once.
    let mut open: BTreeMap<_, i64> = BTreeMap::new();
    for attempt in evidence.attempts.iter().filter(|attempt| attempt.answer.is_open()) {
        *open.entry((attempt.study_id, attempt.sha256)).or_default() += 1;
    }
    for (job_id, image) in stored(evidence) {
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

fn stored(evidence: &Evidence) -> BTreeMap<JobId, &ImageStored> {
    let stored = evidence.facts.iter().filter_map(|fact| match &fact.envelope.event {
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
