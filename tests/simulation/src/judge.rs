//! What must hold when nothing is left to do, after whatever went wrong: the invariants of docs/reliability.md as far as
//! they can be told from the log, the dead letters, the documents, and what targets were given.

use std::collections::{BTreeMap, BTreeSet};

use hilum_deliver::SiteFilter;
use hilum_events::{
    DeliveryTarget, Envelope, Event, EventId, Fact, FlagAction, InferenceCompleted, JobId, Matter, ReadingId,
    ReportCause, ReportIssued, Resolution, Site, StudyId,
};
use hilum_log::{DeadLetter, Recorded};
use hilum_projection::domain::Rows;
use hilum_projection::rows::OutcomeState;
use hilum_reports::{DoubtCode, ImageStatus, ReadingEntry};
use jiff::Timestamp;

use crate::memory::{Memory, StreamName};
use crate::outside::Outside;
use crate::scenario::{Fault, Scenario};

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Of which invariant.
    pub invariant: &'static str,
    /// What is wrong.
    pub what: String,
}

/// All there is to judge by.
pub(crate) struct Evidence<'a> {
    /// What was to happen.
    pub(crate) scenario: &'a Scenario,
    /// The server at the end.
    pub(crate) memory: &'a Memory,
    /// Targets and storage at the end.
    pub(crate) outside: &'a Outside,
    /// Jobs that got their 202.
    pub(crate) accepted: &'a [JobId],
    /// The log was restored from an older copy.
    pub(crate) has_gone_back: bool,
}

/// A job as the API tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Open,
    Completed,
    Failed,
}

struct Case<'a> {
    evidence: &'a Evidence<'a>,
    facts: Vec<(&'a Recorded, &'a Envelope)>,
    rows: Rows,
    site_of_job: BTreeMap<JobId, &'a Site>,
    site_of_study: BTreeMap<StudyId, &'a Site>,
    jobs_of_study: BTreeMap<StudyId, BTreeSet<JobId>>,
    taken_out: BTreeSet<JobId>,
    completed: BTreeMap<ReadingId, &'a InferenceCompleted>,
    reports: BTreeMap<StudyId, Vec<(&'a Recorded, &'a ReportIssued)>>,
    violations: Vec<Violation>,
}

/// What is wrong.
pub(crate) fn judge(evidence: &Evidence<'_>) -> Vec<Violation> {
    let facts = evidence.memory.messages(StreamName::Events).filter_map(|message| message.fact());
    let facts: Vec<_> = facts.filter_map(|fact| Some((fact, fact.envelope()?))).collect();
    let mut case = Case {
        evidence,
        facts,
        rows: Rows::default(),
        site_of_job: BTreeMap::new(),
        site_of_study: BTreeMap::new(),
        jobs_of_study: BTreeMap::new(),
        taken_out: BTreeSet::new(),
        completed: BTreeMap::new(),
        reports: BTreeMap::new(),
        violations: Vec::new(),
    };
    case.read();
    case.accepted_is_kept();
    case.nothing_stands_twice();
    case.causes_resolve();
    case.each_fact_has_its_site();
    case.jobs_end();
    case.studies_are_reported();
    case.flags_are_right();
    case.targets_get_all_once();
    case.dead_letters_are_told();
    case.violations
}

impl<'a> Case<'a> {
    fn violate(&mut self, invariant: &'static str, what: impl Into<String>) {
        self.violations.push(Violation { invariant, what: what.into() });
    }

    fn read(&mut self) {
        for (recorded, envelope) in &self.facts {
            let Recorded { seq, stored_at, .. } = **recorded;
            self.rows.evolve(&Fact { seq, stored_at, lane: None, envelope }, None);
            match &envelope.event {
                Event::ImageStored(e) => {
                    self.site_of_job.insert(e.job_id, &envelope.site);
                    self.site_of_study.insert(e.study_id, &envelope.site);
                    self.jobs_of_study.entry(e.study_id).or_default().insert(e.job_id);
                }
                Event::ImageTakenOut(e) => {
                    self.taken_out.insert(e.job_id);
                }
                Event::InferenceCompleted(e) => {
                    self.completed.entry(e.reading_id).or_insert(e);
                }
                Event::ReportIssued(e) => self.reports.entry(e.study_id).or_default().push((recorded, e)),
                _ => {}
            }
        }
    }

    /// I1: what got its 202 is there, unless the log went back behind it.
    fn accepted_is_kept(&mut self) {
        if self.evidence.has_gone_back {
            return;
        }
        for job_id in self.evidence.accepted {
            if !self.site_of_job.contains_key(job_id) {
                self.violate("I1", format!("job {job_id} got its 202 and is not in the log"));
            }
        }
    }

    /// I3: nothing stands twice, whatever site it was caused at.
    fn nothing_stands_twice(&mut self) {
        let (mut ids, mut places) = (BTreeSet::<EventId>::new(), BTreeSet::<String>::new());
        for (recorded, envelope) in self.facts.clone() {
            if !ids.insert(envelope.event_id) {
                self.violate("I3", format!("the event at {} stands twice", recorded.seq));
            }
            let place = match &envelope.event {
                Event::InferenceRequested(e) => format!("request {} {}", e.reading_id, e.attempt),
                Event::InferenceCompleted(e) => format!("reading {}", e.reading_id),
                _ => envelope.event.unique_among(),
            };
            if !places.insert(place.clone()) {
                self.violate("I3", format!("{place} is told twice, the second time at {}", recorded.seq));
            }
        }
    }

    /// I4: causes resolve to what stands before, and attempts follow one another.
    fn causes_resolve(&mut self) {
        let mut before: BTreeMap<EventId, &Envelope> = BTreeMap::new();
        let mut attempts: BTreeMap<ReadingId, u32> = BTreeMap::new();
        for (recorded, envelope) in self.facts.clone() {
            match envelope.causation_id.map(|id| before.get(&id)) {
                None => {}
                Some(None) => {
                    self.violate(
                        "I4",
                        format!("the cause of the event at {} does not stand before it", recorded.seq),
                    );
                }
                Some(Some(cause)) if cause.correlation_id != envelope.correlation_id => {
                    self.violate(
                        "I4",
                        format!("the event at {} belongs to another story than its cause", recorded.seq),
                    );
                }
                Some(Some(_)) => {}
            }
            before.insert(envelope.event_id, envelope);
            if let Event::InferenceRequested(e) = &envelope.event {
                let last = attempts.insert(e.reading_id, e.attempt).unwrap_or(0);
                if e.attempt != last + 1 {
                    self.violate("I4", format!("attempt {} at {} follows {last}", e.attempt, recorded.seq));
                }
            }
        }
    }

    /// A fact has the site of the job or the study that it is about.
    fn each_fact_has_its_site(&mut self) {
        for (recorded, envelope) in self.facts.clone() {
            let of_job = job_of(&envelope.event).and_then(|job_id| self.site_of_job.get(&job_id).copied());
            let of_study = study_of(&envelope.event);
            let of_study = of_study.and_then(|study_id| self.site_of_study.get(&study_id).copied());
            for whose in [of_job, of_study].into_iter().flatten() {
                if *whose != envelope.site {
                    let (seq, site) = (recorded.seq, &envelope.site);
                    let what =
                        format!("the {} at {seq} is of {whose} and says {site}", envelope.event.name());
                    self.violate("sites", what);
                    break;
                }
            }
        }
    }

    fn status_of(&self, job_id: JobId) -> Status {
        let link = self.rows.links.get(&job_id);
        let failure = self.rows.job_failures.get(&job_id);
        let given_up = failure.is_some_and(|failure| link.is_none_or(|link| failure.seq > link.seq));
        let outcome = link.and_then(|link| {
            let outcome = self.rows.outcomes.get(&link.reading_id)?;
            let asked = self.rows.readings.get(&link.reading_id).map_or(0, |reading| reading.seq);
            (outcome.state == OutcomeState::Completed || outcome.seq > asked).then_some(outcome.state)
        });
        match outcome {
            Some(OutcomeState::Completed) => Status::Completed,
            Some(_) => Status::Failed,
            None if given_up => Status::Failed,
            None => Status::Open,
        }
    }

    /// I2: each job ends, and in the way that its content has it.
    fn jobs_end(&mut self) {
        let jobs: Vec<JobId> = self.site_of_job.keys().copied().collect();
        for job_id in jobs {
            if self.status_of(job_id) == Status::Open {
                self.violate("I2", format!("job {job_id} has no end"));
            }
        }
    }

    /// I2, I3: each study is reported with all its images but those that were taken out, as they ended; each revision tells something new, and says the
    /// same as the API.
    fn studies_are_reported(&mut self) {
        for what in self.evidence.outside.unequal.clone() {
            self.violate("I3", format!("two reports of one cause differ, or none can be made: {what}"));
        }
        for (study_id, mut jobs) in self.jobs_of_study.clone() {
            jobs.retain(|job_id| !self.taken_out.contains(job_id));
            let reports = self.reports.get(&study_id).cloned().unwrap_or_default();
            let Some((_, last)) = reports.last() else {
                if !jobs.is_empty() {
                    self.violate("I2", format!("study {study_id} has no report"));
                }
                continue;
            };
            let told: BTreeSet<JobId> = last.job_ids.iter().copied().collect();
            if told != jobs {
                self.violate(
                    "I2",
                    format!("the last report of {study_id} tells of other images than it has"),
                );
            }
            self.revisions_follow(study_id, &reports);
            self.is_told_as_it_is(last);
        }
    }

    fn revisions_follow(&mut self, study_id: StudyId, reports: &[(&'a Recorded, &'a ReportIssued)]) {
        let mut before = None;
        let mut causes = BTreeSet::new();
        for (number, (recorded, report)) in (1..).zip(reports) {
            if report.revision != number {
                self.violate(
                    "I3",
                    format!("revision {} of {study_id} comes as number {number}", report.revision),
                );
            }
            let cause = recorded.envelope().and_then(|envelope| envelope.causation_id);
            if !causes.insert(cause) {
                self.violate("I3", format!("revision {number} of {study_id} has the cause of another"));
            }
            let document = self.evidence.outside.documents.get(&report.json.sha256);
            let Some(document) = document else {
                self.violate("I2", format!("revision {number} of {study_id} has no document"));
                continue;
            };
            let says: Vec<_> = document
                .images
                .iter()
                .map(|image| (image.job_id, image.status, image.reason.clone()))
                .collect();
            let taken_out = document.doubts.iter().filter(|doubt| doubt.code == DoubtCode::TakenOut);
            let taken_out: Vec<_> = taken_out.map(|doubt| doubt.job_ids.clone()).collect();
            let says = (says, taken_out, document.completeness.clone());
            if before.as_ref() == Some(&says) {
                self.violate("I3", format!("revision {number} of {study_id} says what the one before says"));
            }
            before = Some(says);
            if report.cause == ReportCause::QuietTime {
                self.was_quiet(study_id, recorded, report);
            }
        }
    }

    /// By the server's time, which is everybody's.
    fn was_quiet(&mut self, study_id: StudyId, recorded: &Recorded, report: &ReportIssued) {
        let came = self.facts.iter().filter_map(|(fact, envelope)| match &envelope.event {
            Event::ImageStored(e) if report.job_ids.contains(&e.job_id) => Some(fact.stored_at),
            _ => None,
        });
        let quiet_at = came.max().map_or(Timestamp::MIN, |last| last + self.evidence.scenario.quiet);
        if recorded.stored_at < quiet_at {
            let what =
                format!("revision {} of {study_id} came before its quiet time was over", report.revision);
            self.violate("clock", what);
        }
    }

    fn is_told_as_it_is(&mut self, report: &ReportIssued) {
        let Some(document) = self.evidence.outside.documents.get(&report.json.sha256) else { return };
        for image in &document.images {
            let job_id = image.job_id;
            let status = match image.status {
                ImageStatus::Completed => Status::Completed,
                ImageStatus::Failed => Status::Failed,
                ImageStatus::Pending => Status::Open,
            };
            let told = self.status_of(job_id);
            if status != told {
                self.violate("I2", format!("the report says {status:?} of job {job_id}, the API {told:?}"));
            }
            let row = image
                .reading_id
                .and_then(|id| self.rows.outcomes.get(&id))
                .and_then(|row| row.completed.as_ref());
            if let (Some(reading), Some(row)) = (&image.reading, row)
                && *reading != ReadingEntry::of(row)
            {
                self.violate("I2", format!("report and API tell different readings of job {job_id}"));
            }
        }
    }

    /// A study is flagged by each rule of its site that a reading of it matches, and by no other.
    fn flags_are_right(&mut self) {
        let mut flagged = BTreeSet::new();
        for (recorded, envelope) in self.facts.clone() {
            let Event::StudyFlagged(flag) = &envelope.event else { continue };
            flagged.insert((flag.study_id, flag.rule.clone()));
            let site = self.site_of_study.get(&flag.study_id);
            let rule = self.evidence.scenario.rules.iter().find(|rule| rule.name == flag.rule);
            let is_meant = rule.zip(site).is_some_and(|(rule, site)| rule.sites.has(site));
            if !is_meant {
                self.violate("sites", format!("the flag at {} is of a rule of another site", recorded.seq));
            }
        }
        let letters = self.evidence.memory.messages(StreamName::DeadLetters);
        if letters.into_iter().any(|letter| letter.subject.starts_with("dlq.deliver.triage.")) {
            // Its story is kept; what it would have flagged is not.
            return;
        }
        for (job_id, link) in self.rows.links.clone() {
            let Some(reading) = self.completed.get(&link.reading_id) else { continue };
            let (Some(job), Some(site)) = (self.rows.jobs.get(&job_id), self.site_of_job.get(&job_id)) else {
                continue;
            };
            let study_id = job.study_id;
            for rule in self.evidence.scenario.rules.iter().filter(|rule| rule.sites.has(site)) {
                let matches = reading.findings.iter().any(|finding| finding.probability >= rule.threshold);
                if matches && !flagged.contains(&(study_id, rule.name.clone())) {
                    let what = format!("study {study_id} is not flagged by {} for job {job_id}", rule.name);
                    self.violations.push(Violation { invariant: "flags", what });
                }
            }
        }
    }

    /// What a target is to get it gets, or it is told that it did not; and no process gives it twice, unless it was not
    /// heard to take it or an operator wants it.
    fn targets_get_all_once(&mut self) {
        for (target, _) in &self.evidence.scenario.targets {
            let ended = self.ended_deliveries(&target.name);
            for (study_id, matter) in
                self.wanted_deliveries(&target.name, &target.sites, !target.forms.is_empty())
            {
                if !ended.contains(&(study_id, matter.clone())) {
                    let what = format!("{} never got {} of {study_id}", target.name, matter.token());
                    self.violate("delivery", what);
                }
            }
        }
        // What is handed out again while a process has it in hand, that process may give again.
        let again = |fault: &Fault| {
            matches!(fault, Fault::Stall { .. } | Fault::HandedOutTwice | Fault::LostConsumer { .. })
        };
        let again = self.evidence.scenario.faults.iter().filter(|(_, fault)| again(fault)).count();
        let mut taken = BTreeMap::<_, usize>::new();
        for sent in self.evidence.outside.sent.iter().filter(|sent| sent.is_taken) {
            let what = (sent.target.clone(), sent.study_id, sent.matter.clone(), sent.by.clone());
            let times = taken.entry(what).or_default();
            *times += 1;
            if *times > 1 + again && !self.evidence.has_gone_back {
                let (target, study_id, matter) = (&sent.target, sent.study_id, sent.matter.token());
                self.violate(
                    "delivery",
                    format!("{target} was given {matter} of {study_id} twice by {:?}", sent.by),
                );
            }
        }
    }

    fn wanted_deliveries(
        &self,
        name: &DeliveryTarget,
        sites: &SiteFilter,
        takes_reports: bool,
    ) -> Vec<(StudyId, Matter)> {
        let facts = self.facts.iter().filter(|(_, envelope)| sites.has(&envelope.site));
        let wanted = facts.filter_map(|(_, envelope)| match &envelope.event {
            Event::ReportIssued(e) if takes_reports => Some((e.study_id, Matter::Report(e.revision))),
            Event::StudyFlagged(e) if e.actions.contains(&FlagAction::Notify) && e.targets.contains(name) => {
                Some((e.study_id, Matter::Flag(e.rule.clone())))
            }
            _ => None,
        });
        wanted.collect()
    }

    /// Delivered, or failed and not redriven since.
    fn ended_deliveries(&self, name: &DeliveryTarget) -> BTreeSet<(StudyId, Matter)> {
        let mut ended = BTreeSet::new();
        for (_, envelope) in &self.facts {
            match &envelope.event {
                Event::ReportDelivered(e) if e.target == *name => {
                    ended.insert((e.study_id, e.matter.clone()));
                }
                Event::DeliveryFailed(e) if e.target == *name => {
                    ended.insert((e.study_id, e.matter.clone()));
                }
                _ => {}
            }
        }
        for (seq, envelope) in &self.facts {
            let Event::DeliveryResolved(e) = &envelope.event else { continue };
            if e.target != *name || e.resolution != Resolution::Redrive {
                continue;
            }
            let answered = self.facts.iter().any(|(later, envelope)| match &envelope.event {
                Event::ReportDelivered(it) => {
                    (it.study_id, &it.matter, &it.target) == (e.study_id, &e.matter, name)
                }
                Event::DeliveryFailed(it) => {
                    later.seq > seq.seq
                        && (it.study_id, &it.matter, &it.target) == (e.study_id, &e.matter, name)
                }
                _ => false,
            });
            if !answered {
                ended.remove(&(e.study_id, e.matter.clone()));
            }
        }
        ended
    }

    /// A job is told to be given up with the story of its own message, which is kept.
    fn dead_letters_are_told(&mut self) {
        let letters = self.evidence.memory.messages(StreamName::DeadLetters);
        let letters: Vec<DeadLetter> =
            letters.filter_map(|message| DeadLetter::decode(&message.payload).ok()).collect();
        for (recorded, envelope) in self.facts.clone() {
            let Event::JobDeadLettered(told) = &envelope.event else { continue };
            let about = self.evidence.memory.at(StreamName::Events, told.stream_seq);
            let Some(about) = about else {
                self.violate("I2", format!("the dead letter at {} is about nothing", recorded.seq));
                continue;
            };
            let of_it = letters.iter().filter(|letter| {
                letter.consumer == told.consumer
                    && letter.stream_seq == told.stream_seq
                    && letter.subject == about.subject
            });
            let stories: Vec<&DeadLetter> = of_it.filter(|letter| letter.payload == about.payload).collect();
            match stories.as_slice() {
                [] => self
                    .violate("I2", format!("the story of the dead letter at {} is not kept", recorded.seq)),
                [letter] => {
                    let says = letter.tries.last().map(|tried| tried.errors.join(": ")).unwrap_or_default();
                    if says != told.reason {
                        self.violate(
                            "I2",
                            format!("the dead letter at {} tells another story", recorded.seq),
                        );
                    }
                }
                _ => self
                    .violate("I3", format!("the story of the dead letter at {} is kept twice", recorded.seq)),
            }
        }
    }
}

fn job_of(event: &Event) -> Option<JobId> {
    match event {
        Event::ImageStored(e) => Some(e.job_id),
        Event::InferenceRequested(e) => Some(e.job_id),
        Event::DuplicateLinked(e) => Some(e.job_id),
        Event::InferenceCompleted(e) => Some(e.job_id),
        Event::InferenceFailed(e) => Some(e.job_id),
        Event::JobDeadLettered(e) => Some(e.job_id),
        Event::DeadLetterResolved(e) => Some(e.job_id),
        Event::StudyFlagged(e) => Some(e.job_id),
        Event::ImageTakenOut(e) => Some(e.job_id),
        _ => None,
    }
}

fn study_of(event: &Event) -> Option<StudyId> {
    match event {
        Event::ImageStored(e) => Some(e.study_id),
        Event::InferenceRequested(e) => Some(e.study_id),
        Event::DuplicateLinked(e) => Some(e.study_id),
        Event::StudyFlagged(e) => Some(e.study_id),
        Event::ReportIssued(e) => Some(e.study_id),
        Event::ReportDelivered(e) => Some(e.study_id),
        Event::DeliveryFailed(e) => Some(e.study_id),
        Event::DeliveryResolved(e) => Some(e.study_id),
        _ => None,
    }
}
