//! I2: every image ends in exactly one way, told as it is, and every study has its report.

use std::collections::{BTreeMap, BTreeSet};

use hilum_events::{Event, JobId, ReportIssued, StudyId};

use crate::invariants::stories::{End, JobStory, Stories};
use crate::invariants::{Evidence, Fact, Harm, Violation};

fn violation(harm: Harm, what: String) -> Violation {
    Violation::new("I2", harm, what)
}

/// Each stored image ends in exactly one of completed, failed with a reason, dead-lettered.
pub(super) fn every_job_ends_once(evidence: &Evidence) -> Vec<Violation> {
    let stories = Stories::of(&evidence.facts);
    let mut violations = Vec::new();
    for (reading_id, reading) in &stories.readings {
        for (seq, request) in &reading.requests {
            let outcomes = reading.outcomes(*seq, request.attempt);
            if outcomes > 1 {
                let what =
                    format!("attempt {} at reading {reading_id} ended {outcomes} times", request.attempt);
                violations.push(violation(Harm::Doubled, what));
            }
        }
    }
    for (job_id, job) in stories.jobs.iter().filter(|(_, job)| job.stored.is_some()) {
        if job.readings.len() > 1 {
            let what = format!("job {job_id} was given {} readings", job.readings.len());
            violations.push(violation(Harm::Doubled, what));
        }
        violations.extend(ends_as_told(evidence, *job_id, job, stories.end_of(job)));
    }
    violations
}

fn ends_as_told(evidence: &Evidence, job_id: JobId, job: &JobStory<'_>, end: End) -> Option<Violation> {
    let status = match end {
        End::Open => {
            let what = match job.readings.len() {
                0 => format!("nobody asked for a reading of job {job_id}"),
                _ => format!("the reading of job {job_id} has no end"),
            };
            return Some(violation(Harm::Silent, what));
        }
        End::Completed => "COMPLETED",
        End::Failed | End::DeadLettered => "FAILED",
    };
    let Some(answer) = evidence.answers.get(&job_id) else {
        return Some(violation(Harm::Silent, format!("nothing is said of job {job_id}")));
    };
    if answer.status != status {
        let what = format!("job {job_id} is told to be {}, the log says {end:?}", answer.status);
        return Some(violation(Harm::Wrong, what));
    }
    if status == "FAILED" && answer.reason.is_empty() {
        return Some(violation(Harm::Silent, format!("job {job_id} failed and nobody says why")));
    }
    None
}

/// A job is dead-lettered when and only when a dead letter with a story is kept.
pub(super) fn dead_letters_have_their_story(evidence: &Evidence) -> Vec<Violation> {
    let mut kept: BTreeMap<u64, usize> = BTreeMap::new();
    let mut violations = Vec::new();
    for letter in &evidence.dead_letters {
        *kept.entry(letter.stream_seq).or_default() += 1;
        if !letter.has_story {
            let what =
                format!("the dead letter of position {} does not say what was tried", letter.stream_seq);
            violations.push(violation(Harm::Silent, what));
        }
    }
    let mut told = BTreeSet::new();
    for fact in &evidence.facts {
        let Event::JobDeadLettered(dead) = &fact.envelope.event else { continue };
        told.insert(dead.stream_seq);
        if !kept.contains_key(&dead.stream_seq) {
            let what = format!("job {} was dead-lettered and its story is not kept", dead.job_id);
            violations.push(violation(Harm::Lost, what));
        }
    }
    for (stream_seq, copies) in kept {
        if copies > 1 {
            let what = format!("position {stream_seq} has {copies} dead letters");
            violations.push(violation(Harm::Doubled, what));
        }
        if !told.contains(&stream_seq) {
            let what = format!("position {stream_seq} has a dead letter and its job was not told");
            violations.push(violation(Harm::Silent, what));
        }
    }
    violations
}

/// The newest report of each study covers all its images but those that were taken out, and counts them as they ended.
pub(super) fn every_study_is_reported(evidence: &Evidence) -> Vec<Violation> {
    let stories = Stories::of(&evidence.facts);
    let mut studies: BTreeMap<StudyId, BTreeSet<JobId>> = BTreeMap::new();
    for (job_id, job) in &stories.jobs {
        if let Some(stored) = job.stored {
            let study = studies.entry(stored.study_id).or_default();
            if !job.taken_out {
                study.insert(*job_id);
            }
        }
    }
    let mut newest: BTreeMap<StudyId, &ReportIssued> = BTreeMap::new();
    for fact in &evidence.facts {
        if let Event::ReportIssued(report) = &fact.envelope.event {
            newest.insert(report.study_id, report);
        }
    }
    let mut violations = Vec::new();
    for (study_id, jobs) in studies {
        let Some(report) = newest.get(&study_id) else {
            if !jobs.is_empty() {
                violations.push(violation(Harm::Silent, format!("study {study_id} has no report")));
            }
            continue;
        };
        let covered: BTreeSet<JobId> = report.job_ids.iter().copied().collect();
        for job_id in jobs.difference(&covered) {
            let what = format!("no report of study {study_id} covers job {job_id}");
            violations.push(violation(Harm::Silent, what));
        }
        for job_id in covered.difference(&jobs) {
            let what = format!("the report of study {study_id} tells of job {job_id}, which is not in it");
            violations.push(violation(Harm::Wrong, what));
        }
        let completed = covered
            .iter()
            .filter(|id| stories.jobs.get(id).map(|job| stories.end_of(job)) == Some(End::Completed));
        let completed = completed.count();
        if report.completed as usize != completed || report.failed as usize != covered.len() - completed {
            let what = format!(
                "the report of study {study_id} counts {} completed and {} failed of {}, the log {completed} completed",
                report.completed,
                report.failed,
                covered.len()
            );
            violations.push(violation(Harm::Wrong, what));
        }
        for blob in report.objects() {
            if evidence.objects.get(&blob.key) != Some(&blob.sha256) {
                let what = format!("a file of the report of study {study_id} is not in storage");
                violations.push(violation(Harm::Lost, what));
            }
        }
    }
    violations
}

/// How many images have no end yet and how many studies no report that tells all their ends.
pub fn unfinished(facts: &[Fact]) -> usize {
    let evidence = Evidence { facts: facts.to_vec(), ..Evidence::default() };
    let stories = Stories::of(&evidence.facts);
    let open = stories.jobs.values().filter(|job| stories.end_of(job) == End::Open).count();
    let reports = every_study_is_reported(&evidence);
    open + reports.iter().filter(|violation| violation.harm != Harm::Lost).count()
}

#[cfg(test)]
mod tests {
    use hilum_events::samples::{self, job_id};

    use super::*;
    use crate::invariants::sample::breaks;

    #[test]
    fn a_reading_without_an_end_is_found() {
        breaks("I2", |evidence| evidence.drop_facts("inference-completed", 1));
    }

    #[test]
    fn an_image_of_which_no_reading_was_asked_is_found() {
        breaks("I2", |evidence| evidence.drop_facts("duplicate-linked", 1));
    }

    #[test]
    fn a_reading_that_completed_and_was_given_up_is_found() {
        breaks("I2", |evidence| {
            let mut dead = samples::job_dead_lettered(1, "a", 9);
            if let Event::JobDeadLettered(dead) = &mut dead.event {
                dead.stream_seq = 5;
            }
            evidence.push(dead);
            evidence.keep_dead_letter(5);
        });
    }

    #[test]
    fn an_image_that_was_taken_out_and_is_still_told_of_is_found() {
        breaks("I2", |evidence| evidence.push(samples::image_taken_out(1, 9)));
    }

    #[test]
    fn an_image_that_was_given_two_readings_is_found() {
        breaks("I2", |evidence| evidence.push(samples::duplicate_linked(1, 4, "c", 9)));
    }

    #[test]
    fn an_answer_that_is_not_what_the_log_says_is_found() {
        breaks("I2", |evidence| {
            evidence.answers.get_mut(&job_id(1)).unwrap().status = "FAILED".to_owned();
        });
        breaks("I2", |evidence| drop(evidence.answers.remove(&job_id(1))));
    }

    #[test]
    fn a_failure_without_a_reason_is_found() {
        breaks("I2", |evidence| evidence.answers.get_mut(&job_id(3)).unwrap().reason.clear());
    }

    #[test]
    fn a_dead_letter_that_is_lost_empty_doubled_or_untold_is_found() {
        breaks("I2", |evidence| evidence.dead_letters.clear());
        breaks("I2", |evidence| evidence.dead_letters[0].has_story = false);
        breaks("I2", |evidence| evidence.dead_letters.push(evidence.dead_letters[0].clone()));
        breaks("I2", |evidence| evidence.keep_dead_letter(1));
    }

    #[test]
    fn what_has_no_end_or_report_is_unfinished() {
        let mut evidence = crate::invariants::sample::healthy();
        assert_eq!(unfinished(&evidence.facts), 0);
        evidence.drop_facts("inference-completed", 1);
        assert!(unfinished(&evidence.facts) >= 2, "an image and its duplicate");
    }

    #[test]
    fn a_lost_report_one_that_leaves_an_image_out_and_one_that_miscounts_are_found() {
        breaks("I2", |evidence| evidence.drop_facts("report-issued", 1));
        breaks("I2", |evidence| evidence.change_report(|report| report.job_ids.truncate(3)));
        breaks("I2", |evidence| evidence.change_report(|report| report.completed += 1));
        breaks("I2", |evidence| {
            let key = evidence.report_key();
            evidence.objects.remove(&key);
        });
    }
}
