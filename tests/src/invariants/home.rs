//! I11: a fact about a job or a study stands at the site whose that is, and a rule flags no study of another site.

use std::collections::BTreeMap;

use hilum_events::{Event, JobId, Site, StudyId};

use crate::invariants::{Evidence, Harm, Violation};

pub(super) fn facts_are_at_home(evidence: &Evidence) -> Vec<Violation> {
    let mut jobs: BTreeMap<JobId, &Site> = BTreeMap::new();
    let mut studies: BTreeMap<StudyId, &Site> = BTreeMap::new();
    for fact in &evidence.facts {
        if let Event::ImageStored(image) = &fact.envelope.event {
            jobs.insert(image.job_id, &fact.envelope.site);
            studies.insert(image.study_id, &fact.envelope.site);
        }
    }
    let wrong = |what: String| Violation::new("I11", Harm::Wrong, what);
    let mut violations = Vec::new();
    for fact in &evidence.facts {
        let (job_id, study_id) = about(&fact.envelope.event);
        let job = job_id.and_then(|id| jobs.get(&id));
        let study = study_id.and_then(|id| studies.get(&id));
        let found = &fact.envelope.site;
        for home in [job, study].into_iter().flatten().filter(|home| **home != found) {
            violations.push(wrong(format!("{} of site {home} stands at site {found}", fact.subject)));
        }
        if let (Event::StudyFlagged(flag), Some(desk)) = (&fact.envelope.event, &evidence.desk)
            && !desk.ruled.contains(found)
        {
            let rule = &flag.rule;
            violations.push(wrong(format!("rule {rule} flagged study {} of site {found}", flag.study_id)));
        }
    }
    violations
}

/// The job and the study that a fact is about. A reading is shared: its facts belong to the job that asked for it.
fn about(event: &Event) -> (Option<JobId>, Option<StudyId>) {
    match event {
        Event::ImageStored(_) | Event::LogLossAccepted(_) => (None, None),
        Event::InferenceRequested(e) => (Some(e.job_id), Some(e.study_id)),
        Event::DuplicateLinked(e) => (Some(e.job_id), Some(e.study_id)),
        Event::InferenceCompleted(e) => (Some(e.job_id), None),
        Event::InferenceFailed(e) => (Some(e.job_id), None),
        Event::JobDeadLettered(e) => (Some(e.job_id), None),
        Event::DeadLetterResolved(e) => (Some(e.job_id), None),
        Event::StudyCloseRequested(e) => (None, Some(e.study_id)),
        Event::StudyManifestReceived(e) => (None, Some(e.study_id)),
        Event::StudyFlagged(e) => (Some(e.job_id), Some(e.study_id)),
        Event::ReportIssued(e) => (None, Some(e.study_id)),
        Event::ReportDelivered(e) => (None, Some(e.study_id)),
        Event::DeliveryFailed(e) => (None, Some(e.study_id)),
        Event::DeliveryResolved(e) => (None, Some(e.study_id)),
        Event::ImageTakenOut(e) => (Some(e.job_id), Some(e.study_id)),
    }
}

#[cfg(test)]
mod tests {
    use hilum_events::samples;

    use crate::invariants::sample::breaks;

    #[test]
    fn a_fact_at_another_site_is_found() {
        for name in ["inference-requested", "inference-completed", "duplicate-linked", "report-issued"] {
            breaks("I11", |evidence| evidence.envelope(name).site = "another".parse().unwrap());
        }
    }

    #[test]
    fn a_flag_of_a_rule_of_another_site_is_found() {
        breaks("I11", |evidence| {
            evidence.desk.as_mut().unwrap().ruled = ["another".parse().unwrap()].into();
            evidence.push(samples::study_flagged(1, "a", 9));
        });
    }
}
