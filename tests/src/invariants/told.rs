//! I10: what a target is to be given it is given, and told of once.

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
    for (study_id, matter) in &wanted {
        match desk.told.get(&(*study_id, matter.clone())) {
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
}
