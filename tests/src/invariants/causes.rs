//! I4: every fact follows from one that stands before it, and attempts are numbered without a gap.

use std::collections::BTreeMap;

use hilum_events::Event;

use crate::invariants::stories::Stories;
use crate::invariants::{Evidence, Fact, Harm, Violation};

fn wrong(what: String) -> Violation {
    Violation::new("I4", Harm::Wrong, what)
}

/// The cause of every fact stands before it and is of a kind that leads to it.
pub(super) fn every_cause_is_there(evidence: &Evidence) -> Vec<Violation> {
    let mut before = BTreeMap::new();
    let mut violations = Vec::new();
    for fact in &evidence.facts {
        let envelope = &fact.envelope;
        let name = envelope.event.name();
        match envelope.causation_id.map(|id| before.get(&id).copied()) {
            None if !causes_of(&envelope.event).is_empty() => {
                violations.push(wrong(format!("{name} at {} has no cause", fact.seq)));
            }
            Some(None) => {
                violations.push(wrong(format!("the cause of {name} at {} is not in the log", fact.seq)));
            }
            Some(Some(cause)) => violations.extend(fits(fact, cause)),
            None => {}
        }
        before.insert(envelope.event_id, fact);
    }
    violations
}

fn fits(fact: &Fact, cause: &Fact) -> Option<Violation> {
    let (envelope, from) = (&fact.envelope, &cause.envelope);
    let (name, cause_name) = (envelope.event.name(), from.event.name());
    if !causes_of(&envelope.event).contains(&cause_name) {
        return Some(wrong(format!("{name} at {} is said to follow from {cause_name}", fact.seq)));
    }
    if envelope.correlation_id != from.correlation_id {
        return Some(wrong(format!("{name} at {} belongs to another story than its cause", fact.seq)));
    }
    None
}

/// What leads to a fact; nothing for those that begin a story.
fn causes_of(event: &Event) -> &'static [&'static str] {
    match event {
        Event::ImageStored(_)
        | Event::StudyCloseRequested(_)
        | Event::StudyManifestReceived(_)
        | Event::LogLossAccepted(_) => &[],
        Event::InferenceRequested(_) => &["image-stored", "dead-letter-resolved", "study-flagged"],
        Event::DuplicateLinked(_) => &["image-stored", "dead-letter-resolved"],
        Event::InferenceCompleted(_) | Event::InferenceFailed(_) => &["inference-requested"],
        Event::JobDeadLettered(_) => &["image-stored", "inference-requested", "dead-letter-resolved"],
        Event::DeadLetterResolved(_) => &["job-dead-lettered", "inference-failed"],
        Event::ReportIssued(_) => &[
            "image-stored",
            "inference-requested",
            "duplicate-linked",
            "inference-completed",
            "inference-failed",
            "job-dead-lettered",
            "dead-letter-resolved",
            "study-close-requested",
            "study-manifest-received",
            "study-flagged",
            "image-taken-out",
        ],
        Event::StudyFlagged(_) => &["inference-completed", "duplicate-linked"],
        Event::ReportDelivered(_) => &["report-issued", "study-flagged", "delivery-resolved"],
        Event::DeliveryFailed(_) => &["report-issued", "study-flagged", "delivery-resolved"],
        Event::DeliveryResolved(_) => &["delivery-failed"],
        Event::ImageTakenOut(_) => &["image-stored"],
    }
}

/// The attempts at each reading are 1, 2, 3 … in the order of the log.
pub(super) fn attempts_are_contiguous(evidence: &Evidence) -> Vec<Violation> {
    let stories = Stories::of(&evidence.facts);
    let mut violations = Vec::new();
    for (reading_id, reading) in &stories.readings {
        let attempts: Vec<u32> = reading.requests.iter().map(|(_, request)| request.attempt).collect();
        if !attempts.iter().copied().eq(1..=u32::try_from(attempts.len()).unwrap_or(u32::MAX)) {
            violations.push(wrong(format!("the attempts at reading {reading_id} are {attempts:?}")));
        }
        if attempts.is_empty() {
            violations.push(wrong(format!("reading {reading_id} ended and nobody asked for it")));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use hilum_events::samples;

    use super::*;
    use crate::invariants::sample::breaks;

    #[test]
    fn a_fact_whose_cause_is_gone_or_comes_later_is_found() {
        breaks("I4", |evidence| evidence.drop_facts("inference-requested", 1));
        breaks("I4", |evidence| evidence.facts.swap(0, 4));
        breaks("I4", |evidence| evidence.envelope("inference-requested").causation_id = None);
    }

    #[test]
    fn a_fact_with_the_wrong_cause_or_story_is_found() {
        breaks("I4", |evidence| {
            let cause = evidence.facts[0].envelope.event_id;
            evidence.envelope("inference-completed").causation_id = Some(cause);
        });
        breaks("I4", |evidence| {
            let other = samples::job_id(99).as_uuid();
            evidence.envelope("inference-completed").correlation_id = other;
        });
    }

    #[test]
    fn a_gap_in_the_attempts_is_found() {
        breaks("I4", |evidence| {
            if let Event::InferenceRequested(request) = &mut evidence.envelope("inference-requested").event {
                request.attempt = 2;
            }
        });
    }
}
