//! What events do to rows. Pure: no clock, no IO, no SQL.
//!
//! Rows of one key are merged by rules that depend neither on the order of the facts nor on how often each
//! comes; `store` merges by the same rules with what the tables hold already. So it does not matter where a
//! batch ends, nor whether it is folded twice.

mod deliveries;
mod instances;
mod losses;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use hilum_events::{
    DeadLetterResolved, DuplicateLinked, Event, Fact, ImageStored, ImageTakenOut, InferenceCompleted,
    InferenceFailed, InferenceRequested, JobDeadLettered, JobId, ReadingId, ReportIssued, RuleName, StudyId,
};

use crate::progress::Changed;
use crate::rows::{
    DeadLetterRow, DeliveryRow, FlagRow, HistoryRow, InstanceRow, JobFailureRow, JobRow, LinkRow, LossRow,
    OutcomeRow, OutcomeState, ReadingRow, ReportRow, ResolutionRow, StudyRow, TakenOutRow, UnreadableRow,
};

/// What a batch of facts writes.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "one field per table, described in the migration")]
pub struct Rows {
    pub studies: BTreeMap<StudyId, StudyRow>,
    pub jobs: BTreeMap<JobId, JobRow>,
    pub links: BTreeMap<JobId, LinkRow>,
    pub job_failures: BTreeMap<JobId, JobFailureRow>,
    pub readings: BTreeMap<ReadingId, ReadingRow>,
    pub outcomes: BTreeMap<ReadingId, OutcomeRow>,
    pub reports: BTreeMap<(StudyId, u32), ReportRow>,
    pub dead_letters: BTreeMap<u64, DeadLetterRow>,
    pub resolutions: BTreeMap<(JobId, u64), ResolutionRow>,
    pub flags: BTreeMap<(StudyId, RuleName), FlagRow>,
    pub deliveries: BTreeMap<u64, DeliveryRow>,
    pub losses: BTreeMap<u64, LossRow>,
    pub taken_out: BTreeMap<JobId, TakenOutRow>,
    pub instances: BTreeMap<JobId, InstanceRow>,
    pub history: BTreeMap<u64, HistoryRow>,
    pub unreadable: BTreeMap<u64, UnreadableRow>,
}

impl Rows {
    /// Takes in one fact, which belongs to the trace `trace_id`.
    pub fn evolve(&mut self, fact: &Fact<'_>, trace_id: Option<String>) {
        self.remember(fact);
        match &fact.envelope.event {
            Event::ImageStored(event) => self.image_stored(fact, event, trace_id),
            Event::InferenceRequested(event) => self.inference_requested(fact, event),
            Event::DuplicateLinked(event) => self.duplicate_linked(fact, event),
            Event::InferenceCompleted(event) => self.inference_completed(fact, event),
            Event::InferenceFailed(event) => self.inference_failed(fact, event),
            Event::JobDeadLettered(event) => self.job_dead_lettered(fact, event),
            Event::ReportIssued(event) => self.report_issued(fact, event),
            Event::DeadLetterResolved(event) => self.dead_letter_resolved(fact, event),
            Event::StudyFlagged(event) => self.study_flagged(fact, event),
            Event::ReportDelivered(event) => self.report_delivered(fact, event),
            Event::DeliveryFailed(event) => self.delivery_failed(fact, event),
            Event::DeliveryResolved(event) => self.delivery_resolved(fact, event),
            Event::LogLossAccepted(event) => self.log_loss_accepted(fact, event),
            Event::ImageTakenOut(event) => self.image_taken_out(fact, event),
            // Only history: whether a study may still grow is for the report service to say.
            Event::StudyCloseRequested(_) | Event::StudyManifestReceived(_) => {}
        }
    }

    /// Keeps a message that can't be taken in.
    pub fn park(&mut self, seq: u64, subject: &str, reason: &str) {
        // Postgres text can hold anything but NUL, and this row must not fail too.
        let clean = |text: &str| text.replace('\0', "\u{fffd}");
        self.unreadable.insert(seq, UnreadableRow { seq, subject: clean(subject), reason: clean(reason) });
    }

    /// What these rows change for those who wait.
    pub fn changed(&self) -> Changed {
        let of_row = |row: &HistoryRow| {
            let job = row.job_id.map(JobId::as_uuid);
            let reading = row.reading_id.map(ReadingId::as_uuid);
            [job, reading, row.study_id.map(StudyId::as_uuid)]
        };
        let may_end = |row: &&HistoryRow| !matches!(row.event, "image-stored" | "inference-requested");
        Changed {
            ids: self.history.values().flat_map(of_row).flatten().collect(),
            ended: self.history.values().filter(may_end).flat_map(of_row).flatten().collect(),
        }
    }

    fn remember(&mut self, fact: &Fact<'_>) {
        let (job_id, reading_id, study_id) = subjects_of(&fact.envelope.event);
        let row = HistoryRow {
            seq: fact.seq,
            event: fact.envelope.event.name(),
            job_id,
            reading_id,
            study_id,
            occurred_at: fact.envelope.occurred_at,
        };
        self.history.insert(fact.seq, row);
    }

    fn image_stored(&mut self, fact: &Fact<'_>, event: &ImageStored, trace_id: Option<String>) {
        let at = fact.stored_at;
        let study = self.studies.entry(event.study_id).or_insert_with(|| StudyRow {
            study_id: event.study_id,
            site: fact.envelope.site.clone(),
            study_ref: event.study_ref.clone(),
            created_at: at,
            last_image_at: at,
        });
        study.study_ref = study.study_ref.take().or_else(|| event.study_ref.clone());
        study.created_at = study.created_at.min(at);
        study.last_image_at = study.last_image_at.max(at);
        self.jobs.entry(event.job_id).or_insert_with(|| JobRow {
            job_id: event.job_id,
            stored_seq: fact.seq,
            site: fact.envelope.site.clone(),
            study_id: event.study_id,
            sha256: event.image.blob.sha256,
            size_bytes: event.image.blob.size_bytes,
            media_type: event.image.media_type.as_mime(),
            priority: event.priority,
            created_at: at,
            trace_id,
        });
        if let Some(row) = InstanceRow::of(fact, event) {
            self.instances.entry(event.job_id).or_insert(row);
        }
    }

    fn inference_requested(&mut self, fact: &Fact<'_>, event: &InferenceRequested) {
        let row = ReadingRow {
            reading_id: event.reading_id,
            seq: fact.seq,
            site: fact.envelope.site.clone(),
            primary_job_id: event.job_id,
            requested_at: fact.stored_at,
        };
        put_greater(&mut self.readings, event.reading_id, row, |row| row.seq);
        self.link(fact, event.job_id, event.reading_id, None);
    }

    fn duplicate_linked(&mut self, fact: &Fact<'_>, event: &DuplicateLinked) {
        self.link(fact, event.job_id, event.reading_id, Some(event.primary_job_id));
    }

    fn link(&mut self, fact: &Fact<'_>, job_id: JobId, reading_id: ReadingId, duplicate_of: Option<JobId>) {
        let linked_at = fact.stored_at;
        let row = LinkRow { job_id, seq: fact.seq, reading_id, duplicate_of, linked_at };
        put_greater(&mut self.links, job_id, row, |row| row.seq);
    }

    fn inference_completed(&mut self, fact: &Fact<'_>, event: &InferenceCompleted) {
        self.outcome(OutcomeRow {
            reading_id: event.reading_id,
            seq: fact.seq,
            state: OutcomeState::Completed,
            ended_at: fact.stored_at,
            code: None,
            reason: None,
            completed: Some(event.clone()),
            failed_by: None,
        });
    }

    fn inference_failed(&mut self, fact: &Fact<'_>, event: &InferenceFailed) {
        self.outcome(OutcomeRow {
            reading_id: event.reading_id,
            seq: fact.seq,
            state: OutcomeState::Failed,
            ended_at: fact.stored_at,
            code: Some(event.code.clone()),
            reason: Some(event.reason.clone()),
            completed: None,
            failed_by: event.reader.clone(),
        });
    }

    fn job_dead_lettered(&mut self, fact: &Fact<'_>, event: &JobDeadLettered) {
        let at = fact.envelope.occurred_at;
        let letter = DeadLetterRow {
            seq: fact.seq,
            consumer: event.consumer.clone(),
            stream_seq: event.stream_seq,
            site: fact.envelope.site.clone(),
            job_id: Some(event.job_id),
            reading_id: event.reading_id,
            deliveries: event.deliveries,
            reason: event.reason.clone(),
            at,
            study_id: None,
            matter: None,
            target: None,
            attempt: None,
        };
        self.dead_letters.insert(fact.seq, letter);
        let reason = event.reason.clone();
        match event.reading_id {
            Some(reading_id) => self.outcome(OutcomeRow {
                reading_id,
                seq: fact.seq,
                state: OutcomeState::Dead,
                ended_at: fact.stored_at,
                code: Some("dead-lettered".to_owned()),
                reason: Some(reason),
                completed: None,
                failed_by: None,
            }),
            None => {
                let row =
                    JobFailureRow { job_id: event.job_id, seq: fact.seq, reason, dead_at: fact.stored_at };
                put_greater(&mut self.job_failures, event.job_id, row, |row| row.seq);
            }
        }
    }

    /// The view `job_states` decides what follows for the job; nothing is taken away here, so that it does not
    /// matter which of the two facts is folded first.
    fn dead_letter_resolved(&mut self, fact: &Fact<'_>, event: &DeadLetterResolved) {
        let row = ResolutionRow {
            job_id: event.job_id,
            stream_seq: event.stream_seq,
            seq: fact.seq,
            resolution: event.resolution,
            resolved_by: event.by.clone(),
            resolved_why: event.why.clone(),
            resolved_at: fact.envelope.occurred_at,
        };
        // Of several decisions about one dead letter the first counts.
        put_greater(&mut self.resolutions, (event.job_id, event.stream_seq), row, |row| Reverse(row.seq));
    }

    fn outcome(&mut self, row: OutcomeRow) {
        put_greater(&mut self.outcomes, row.reading_id, row, OutcomeRow::rank);
    }

    fn image_taken_out(&mut self, fact: &Fact<'_>, event: &ImageTakenOut) {
        self.taken_out.entry(event.job_id).or_insert_with(|| TakenOutRow {
            job_id: event.job_id,
            study_id: event.study_id,
            seq: fact.seq,
            taken_out_by: event.by.clone(),
            taken_out_why: event.why.clone(),
            taken_out_at: fact.envelope.occurred_at,
        });
    }

    fn report_issued(&mut self, fact: &Fact<'_>, event: &ReportIssued) {
        self.reports.entry((event.study_id, event.revision)).or_insert_with(|| ReportRow {
            study_id: event.study_id,
            revision: event.revision,
            seq: fact.seq,
            issued_at: fact.envelope.occurred_at,
            cause: event.cause,
            json: event.json.clone(),
            html: event.html.clone(),
            completed: event.completed,
            failed: event.failed,
            pending: event.pending,
            complete: event.complete,
            doubts: event.doubts.clone(),
        });
    }
}

/// What a fact is about. A dead letter or an outcome that belongs to a reading touches all jobs linked to it.
fn subjects_of(event: &Event) -> (Option<JobId>, Option<ReadingId>, Option<StudyId>) {
    match event {
        Event::ImageStored(e) => (Some(e.job_id), None, Some(e.study_id)),
        Event::InferenceRequested(e) => (Some(e.job_id), Some(e.reading_id), Some(e.study_id)),
        Event::DuplicateLinked(e) => (Some(e.job_id), Some(e.reading_id), Some(e.study_id)),
        Event::InferenceCompleted(e) => (Some(e.job_id), Some(e.reading_id), None),
        Event::InferenceFailed(e) => (Some(e.job_id), Some(e.reading_id), None),
        Event::JobDeadLettered(e) => (Some(e.job_id), e.reading_id, None),
        Event::DeadLetterResolved(e) => (Some(e.job_id), e.reading_id, None),
        Event::StudyCloseRequested(e) => (None, None, Some(e.study_id)),
        Event::StudyManifestReceived(e) => (None, None, Some(e.study_id)),
        Event::StudyFlagged(e) => (Some(e.job_id), None, Some(e.study_id)),
        Event::ReportIssued(e) => (None, None, Some(e.study_id)),
        Event::ReportDelivered(e) => (None, None, Some(e.study_id)),
        Event::DeliveryFailed(e) => (None, None, Some(e.study_id)),
        Event::DeliveryResolved(e) => (None, None, Some(e.study_id)),
        Event::LogLossAccepted(_) => (None, None, None),
        Event::ImageTakenOut(e) => (Some(e.job_id), None, Some(e.study_id)),
    }
}

/// Of two rows with one key the one with the greater rank stays.
fn put_greater<K: Ord, R, N: Ord>(rows: &mut BTreeMap<K, R>, key: K, row: R, rank: impl Fn(&R) -> N) {
    match rows.entry(key) {
        Entry::Vacant(place) => {
            place.insert(row);
        }
        Entry::Occupied(mut place) if rank(&row) > rank(place.get()) => {
            place.insert(row);
        }
        Entry::Occupied(_) => {}
    }
}

#[cfg(test)]
mod tests;
