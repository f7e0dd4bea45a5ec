//! I10: what a target is to be given it is given, and told of once; of a report the newest revision at the least.

use std::collections::{BTreeMap, BTreeSet};

use hilum_events::{Event, FlagAction, Matter, StudyId};

use crate::invariants::{Evidence, Fact, Harm, Violation};

/// Each report and each flag that is to be told was told of by one fact and has come to the desk; nothing else has.
pub(super) fn each_matter_reaches_its_target(evidence: &Evidence) -> Vec<Violation> {
    let Some(desk) = &evidence.desk else { return Vec::new() };
    let wanted = wanted(&evidence.facts);
    let violation = |harm, what: String| Violation::new("I10", harm, what);
    let mut violations: Vec<Violation> = missing(&evidence.facts)
        .into_iter()
        .map(|(study_id, matter)| {
            violation(Harm::Silent, format!("nobody says what became of {matter} of study {study_id}"))
        })
        .collect();
    let superseded = superseded(&evidence.facts);
    for (study_id, matter) in &wanted {
        let newer = superseded.get(&(*study_id, matter.clone()));
        match desk.told.get(&(*study_id, matter.clone())) {
            None if newer.is_some_and(|newer| desk.told.contains_key(&(*study_id, newer.clone()))) => {}
            None => violations.push(violation(
                Harm::Lost,
                format!("{matter} of study {study_id} never came to its target"),
            )),
            Some(times) if *times > 1 + desk.repeats => violations.push(violation(
                Harm::Doubled,
                format!("{matter} of study {study_id} came {times} times to its target"),
            )),
            Some(_) => {}
        }
    }
    let invented = desk.told.keys().filter(|told| !wanted.contains(told));
    violations.extend(invented.map(|(study_id, matter)| {
        violation(Harm::Wrong, format!("{matter} of study {study_id} was delivered and is no fact"))
    }));
    violations
}

/// How much of what is to be told was neither told of nor given up.
pub fn untold(facts: &[Fact]) -> usize {
    missing(facts).len()
}

fn missing(facts: &[Fact]) -> Vec<(StudyId, String)> {
    let mut told: BTreeMap<(StudyId, String), usize> = BTreeMap::new();
    for fact in facts {
        let (study_id, matter) = match &fact.envelope.event {
            Event::ReportDelivered(e) => (e.study_id, &e.matter),
            Event::DeliveryFailed(e) => (e.study_id, &e.matter),
            _ => continue,
        };
        *told.entry((study_id, matter.token())).or_default() += 1;
    }
    wanted(facts).into_iter().filter(|matter| !told.contains_key(matter)).collect()
}

/// What was told as superseded, and by what, a newer revision.
fn superseded(facts: &[Fact]) -> BTreeMap<(StudyId, String), String> {
    let told = facts.iter().filter_map(|fact| match &fact.envelope.event {
        Event::ReportDelivered(e) => Some(e),
        _ => None,
    });
    let told = told.filter_map(|e| match (&e.matter, e.superseded_by) {
        (Matter::Report(revision), Some(newer)) if newer > *revision => {
            Some(((e.study_id, e.matter.token()), Matter::Report(newer).token()))
        }
        _ => None,
    });
    told.collect()
}

fn wanted(facts: &[Fact]) -> BTreeSet<(StudyId, String)> {
    let matters = facts.iter().filter_map(|fact| match &fact.envelope.event {
        Event::ReportIssued(e) => Some((e.study_id, Matter::Report(e.revision).token())),
        Event::StudyFlagged(e) if e.actions.contains(&FlagAction::Notify) => {
            Some((e.study_id, Matter::Flag(e.rule.clone()).token()))
        }
        _ => None,
    });
    matters.collect()
}

#[cfg(test)]
mod tests {
    use hilum_events::samples::study_id;

    use super::*;
    use crate::invariants::sample::{breaks, healthy};

    #[test]
    fn a_delivery_that_nobody_tells_of_is_found() {
        breaks("I10", |evidence| evidence.drop_facts("report-delivered", 1));
        let mut evidence = healthy();
        assert_eq!(untold(&evidence.facts), 0);
        evidence.drop_facts("report-delivered", 1);
        assert_eq!(untold(&evidence.facts), 1);
    }

    #[test]
    fn a_delivery_that_never_came_came_too_often_or_is_invented_is_found() {
        let report = (study_id(), "report-1".to_owned());
        breaks("I10", |evidence| evidence.desk.as_mut().unwrap().told.retain(|told, _| *told != report));
        breaks("I10", |evidence| *evidence.desk.as_mut().unwrap().told.get_mut(&report).unwrap() = 2);
        breaks("I10", |evidence| {
            evidence.desk.as_mut().unwrap().told.insert((study_id(), "report-9".to_owned()), 1);
        });
    }

    #[test]
    fn an_older_revision_need_not_come_when_the_newer_one_did() {
        let mut evidence = healthy();
        let settle = |evidence: &mut Evidence, newer: u32| {
            for fact in &mut evidence.facts {
                if let Event::ReportDelivered(e) = &mut fact.envelope.event {
                    e.superseded_by = (e.matter == Matter::Report(1)).then_some(newer);
                }
            }
        };
        let report = |revision: u32| (study_id(), Matter::Report(revision).token());
        let found = |evidence: &Evidence| {
            let found = each_matter_reaches_its_target(evidence);
            found.iter().any(|violation| violation.what.contains("report-1"))
        };
        evidence.desk.as_mut().unwrap().told.remove(&report(1));
        for (newer, comes, is_missed) in [(2, true, false), (2, false, true), (1, true, true)] {
            settle(&mut evidence, newer);
            let told = &mut evidence.desk.as_mut().unwrap().told;
            if comes {
                told.insert(report(2), 1)
            } else {
                told.remove(&report(2))
            };
            assert_eq!(found(&evidence), is_missed, "{newer} {comes}");
        }
    }
}
