//! A short story in which all is well, to be broken by the tests of the checks.

use hilum_events::samples::{
    duplicate_linked, image_stored, inference_completed, inference_failed, inference_requested,
    job_dead_lettered, job_id, report_delivered, report_issued, site, study_id,
};
use hilum_events::{Envelope, Event, ReportIssued, Way};

use crate::invariants::{DeadLetterSeen, DeskSeen, Evidence, Fact, JobAnswer, violations};
use crate::journal::{Answer, Attempt};

/// Four images: read, its duplicate, failed by its own fault, given up; one report.
pub(super) fn healthy() -> Evidence {
    let mut evidence = Evidence::default();
    for (number, content) in [(1, "a"), (2, "a"), (3, "b"), (4, "c")] {
        let stored = image_stored(number, content, 0);
        let Event::ImageStored(image) = &stored.event else { panic!() };
        evidence.attempts.push(Attempt {
            way: Way::Http,
            site: stored.site.clone(),
            study_id: image.study_id,
            sha256: image.image.blob.sha256,
            answer: Answer::Accepted(image.job_id),
        });
        evidence.objects.insert(image.image.blob.key.clone(), image.image.blob.sha256);
        evidence.push(stored);
        let answer = match number {
            1 | 2 => JobAnswer { status: "COMPLETED".to_owned(), reason: String::new() },
            _ => JobAnswer { status: "FAILED".to_owned(), reason: "damaged".to_owned() },
        };
        evidence.answers.insert(job_id(number), answer);
    }
    evidence.push(inference_requested(1, "a", 0));
    evidence.push(duplicate_linked(2, 1, "a", 0));
    evidence.push(inference_requested(3, "b", 0));
    evidence.push(inference_requested(4, "c", 0));
    let given_up = evidence.facts.len() as u64;
    evidence.push(inference_completed(1, "a", 0));
    evidence.push(inference_failed(3, "b", 0));
    let mut dead = job_dead_lettered(4, "c", 0);
    if let Event::JobDeadLettered(dead) = &mut dead.event {
        dead.stream_seq = given_up;
    }
    evidence.keep_dead_letter(given_up);
    evidence.push(dead);
    let mut report = report_issued(1, &[1, 2, 3, 4], 0);
    if let Event::ReportIssued(report) = &mut report.event {
        (report.completed, report.failed) = (2, 2);
        for blob in report.objects() {
            evidence.objects.insert(blob.key.clone(), blob.sha256);
        }
    }
    evidence.push(report);
    evidence.push(report_delivered(1, 0));
    evidence.desk = Some(DeskSeen {
        told: [((study_id(), "report-1".to_owned()), 1)].into(),
        repeats: 0,
        ruled: [site()].into(),
    });
    evidence
}

/// The check of `invariant` finds what `change` does to a healthy story, and finds nothing without it.
pub(super) fn breaks(invariant: &str, change: impl FnOnce(&mut Evidence)) {
    let mut evidence = healthy();
    assert_eq!(violations(&evidence), []);
    change(&mut evidence);
    let found = violations(&evidence);
    assert!(found.iter().any(|violation| violation.invariant == invariant), "{found:?}");
}

impl Evidence {
    /// One more fact, with its row.
    pub(super) fn push(&mut self, envelope: Envelope) {
        let seq = self.facts.last().map_or(1, |fact| fact.seq + 1);
        self.rows.history.push(seq);
        match &envelope.event {
            Event::ImageStored(e) => self.rows.jobs.push(e.job_id),
            Event::ReportIssued(e) => self.rows.reports.push((e.study_id, e.revision)),
            Event::JobDeadLettered(_) => self.rows.dead_letters.push(seq),
            _ => {}
        }
        self.facts.push(Fact { seq, subject: envelope.subject(), envelope });
    }

    pub(super) fn drop_facts(&mut self, name: &str, count: usize) {
        for _ in 0..count {
            let at = self.facts.iter().position(|fact| fact.envelope.event.name() == name).unwrap();
            self.facts.remove(at);
        }
    }

    pub(super) fn envelope(&mut self, name: &str) -> &mut Envelope {
        let fact = self.facts.iter_mut().find(|fact| fact.envelope.event.name() == name);
        &mut fact.unwrap().envelope
    }

    pub(super) fn keep_dead_letter(&mut self, stream_seq: u64) {
        let consumer = "infer-routine".to_owned();
        self.dead_letters.push(DeadLetterSeen { consumer, stream_seq, has_story: true });
    }

    pub(super) fn report(&mut self) -> &ReportIssued {
        match &self.envelope("report-issued").event {
            Event::ReportIssued(report) => report,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn change_report(&mut self, change: impl FnOnce(&mut ReportIssued)) {
        match &mut self.envelope("report-issued").event {
            Event::ReportIssued(report) => change(report),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn report_key(&mut self) -> String {
        self.report().json.key.clone()
    }

    /// The key of the content of an attempt.
    pub(super) fn key_of(&self, attempt: usize) -> String {
        let sha256 = self.attempts[attempt].sha256;
        let key = self.objects.iter().find(|(_, found)| **found == sha256);
        key.unwrap().0.clone()
    }
}
