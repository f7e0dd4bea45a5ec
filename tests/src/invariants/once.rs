//! I3: effects happen once, though deliveries repeat.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use hilum_events::{Event, ReportIssued, StudyId};

use crate::invariants::stories::Stories;
use crate::invariants::{Evidence, Harm, Violation};

fn doubled(what: String) -> Violation {
    Violation::new("I3", Harm::Doubled, what)
}

/// No event id and no subject stands twice in the log.
pub(super) fn no_fact_stands_twice(evidence: &Evidence) -> Vec<Violation> {
    let ids = repeated(evidence.facts.iter().map(|fact| fact.envelope.event_id));
    let subjects = repeated(evidence.facts.iter().filter(|fact| !is_request(fact)).map(|fact| &fact.subject));
    // A redrive asks again in the same place, with another number.
    let requests = evidence.facts.iter().filter_map(|fact| match &fact.envelope.event {
        Event::InferenceRequested(e) => Some((e.reading_id, e.attempt)),
        _ => None,
    });
    let ids = ids.into_iter().map(|id| format!("event {id} stands twice"));
    let subjects = subjects.into_iter().map(|subject| format!("{subject} is taken twice"));
    let requests = repeated(requests)
        .into_iter()
        .map(|(id, attempt)| format!("attempt {attempt} at reading {id} was requested twice"));
    ids.chain(subjects).chain(requests).map(doubled).collect()
}

fn is_request(fact: &crate::invariants::Fact) -> bool {
    matches!(fact.envelope.event, Event::InferenceRequested(_))
}

/// One completed reading per content and model; report revisions are contiguous and each says something new.
pub(super) fn effects_happen_once(evidence: &Evidence) -> Vec<Violation> {
    let stories = Stories::of(&evidence.facts);
    let completed = stories.readings.values().flat_map(|reading| {
        let request = reading.requests.first().map(|(_, request)| request);
        let read = request.map(|request| (request.image.blob.sha256, format!("{:?}", request.model)));
        std::iter::repeat_n(read, reading.completed).flatten()
    });
    let mut violations: Vec<Violation> = repeated(completed)
        .into_iter()
        .map(|(content, _)| doubled(format!("content {content} was read twice by one model")))
        .collect();
    let mut reports: BTreeMap<StudyId, Vec<&ReportIssued>> = BTreeMap::new();
    for fact in &evidence.facts {
        if let Event::ReportIssued(report) = &fact.envelope.event {
            reports.entry(report.study_id).or_default().push(report);
        }
    }
    for (study_id, reports) in reports {
        let revisions: Vec<u32> = reports.iter().map(|report| report.revision).collect();
        if !revisions.iter().copied().eq(1..=u32::try_from(revisions.len()).unwrap_or(u32::MAX)) {
            violations.push(doubled(format!("the reports of study {study_id} are {revisions:?}")));
        }
        let says_the_same = |pair: &[&ReportIssued]| {
            let says = |report: &ReportIssued| (report.job_ids.clone(), report.completed, report.failed);
            says(pair[0]) == says(pair[1])
        };
        if reports.windows(2).any(says_the_same) {
            violations.push(doubled(format!("two revisions of the report of study {study_id} say the same")));
        }
    }
    violations
}

/// The tables hold each fact once.
pub(super) fn one_row_per_fact(evidence: &Evidence) -> Vec<Violation> {
    let mut expected = crate::invariants::Rows::default();
    for fact in &evidence.facts {
        expected.history.push(fact.seq);
        match &fact.envelope.event {
            Event::ImageStored(e) => expected.jobs.push(e.job_id),
            Event::ReportIssued(e) => expected.reports.push((e.study_id, e.revision)),
            Event::JobDeadLettered(_) | Event::DeliveryFailed(_) => expected.dead_letters.push(fact.seq),
            _ => {}
        }
    }
    let rows = &evidence.rows;
    let differences = [
        difference("history", &expected.history, &rows.history),
        difference("jobs", &expected.jobs, &rows.jobs),
        difference("reports", &expected.reports, &rows.reports),
        difference("dead_letters", &expected.dead_letters, &rows.dead_letters),
    ];
    differences.into_iter().flatten().collect()
}

fn difference<T: Ord + Debug + Clone>(table: &str, facts: &[T], rows: &[T]) -> Vec<Violation> {
    let twice = repeated(rows.iter().cloned());
    let twice = twice.into_iter().map(|row| doubled(format!("table {table} has {row:?} twice")));
    let (facts, rows) = (facts.iter().collect::<BTreeSet<_>>(), rows.iter().collect::<BTreeSet<_>>());
    let missing = facts.difference(&rows).map(|fact| {
        Violation::new("I3", Harm::Lost, format!("table {table} has no row for the fact {fact:?}"))
    });
    let invented =
        rows.difference(&facts).map(|row| doubled(format!("table {table} has {row:?} without a fact")));
    twice.chain(missing).chain(invented).collect()
}

fn repeated<T: Ord + Clone>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    all.filter(|one| !seen.insert(one.clone())).collect()
}

#[cfg(test)]
mod tests {
    use hilum_events::samples;

    use super::*;
    use crate::invariants::sample::breaks;

    #[test]
    fn a_fact_that_stands_twice_is_found() {
        breaks("I3", |evidence| {
            let fact = evidence.facts[0].envelope.clone();
            evidence.push(fact);
        });
    }

    #[test]
    fn a_second_reading_of_one_content_is_found() {
        breaks("I3", |evidence| {
            let mut again = samples::inference_completed(1, "a", 9);
            again.event_id = samples::image_stored(99, "z", 0).event_id;
            evidence.push(again);
        });
    }

    #[test]
    fn a_revision_that_is_missing_or_says_nothing_new_is_found() {
        breaks("I3", |evidence| evidence.change_report(|report| report.revision = 2));
        breaks("I3", |evidence| {
            let report = evidence.report().clone();
            let again = samples::report_issued(2, &[], 9);
            let event = Event::ReportIssued(ReportIssued { revision: 2, ..report });
            evidence.push(hilum_events::Envelope { event, ..again });
        });
    }

    #[test]
    fn a_row_that_is_doubled_missing_or_invented_is_found() {
        breaks("I3", |evidence| evidence.rows.history.push(1));
        breaks("I3", |evidence| evidence.rows.history.truncate(5));
        breaks("I3", |evidence| evidence.rows.reports.clear());
        breaks("I3", |evidence| evidence.rows.jobs.push(samples::job_id(77)));
    }
}
