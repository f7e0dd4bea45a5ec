//! What the log leaves open: images without a claim, readings without an outcome, redrives that nothing followed.
//! Pure: no clock, network or storage; the time, the facts and the consumers' positions come in as arguments.
//! Keeps only what is open: what has ended is forgotten, so the memory it takes is bounded by the work under way. Of what
//! failed or was given up it keeps that, for a redrive may open it again.

mod decide;
mod discrepancy;
mod notes;
mod rolling;
mod studies;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use hilum_events::{
    DeadLetterResolved, Event, Fact, ImageStored, InferenceFailed, InferenceRequested, JobDeadLettered,
    JobId, Priority, ReadingId, Resolution, lane_of,
};
use hilum_streams::{Advisory, Try, consumer_of};
use jiff::{SignedDuration, Timestamp};

use studies::Studies;

pub(crate) use decide::decide;
pub(crate) use discrepancy::SWEEP;
pub use discrepancy::{Action, Discrepancy, Kind};
pub(crate) use rolling::due_position;

const DEDUPE: &str = "dedupe";
const INFER_STAT: &str = "infer-stat";
const INFER_ROUTINE: &str = "infer-routine";

/// What is too long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A message that was settled has led to something by then.
    pub after: SignedDuration,
    /// How long the report service waits for more images of a study.
    pub quiet: SignedDuration,
}

/// A message that shall lead to something.
#[derive(Debug, Clone, Copy)]
struct Message {
    seq: u64,
    stored_at: Timestamp,
    lane: Option<u16>,
}

impl From<&Fact<'_>> for Message {
    fn from(Fact { seq, stored_at, lane, .. }: &Fact<'_>) -> Self {
        Self { seq: *seq, stored_at: *stored_at, lane: *lane }
    }
}

/// Something that has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Work {
    /// A job must claim its content or be linked to a claim.
    Image(JobId),
    /// A reading must have an outcome.
    Reading(ReadingId),
    /// The message at this position can't be read, and its consumer must park it.
    Unreadable(u64),
}

/// The message that shall lead to the end of some work.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Open {
    /// Its position.
    pub(crate) seq: u64,
    /// When it was stored.
    pub(crate) stored_at: Timestamp,
    /// The consumer that hands it out, as declared.
    pub(crate) consumer: &'static str,
    /// The lane of it in which it stands, if it stands in one.
    lane: Option<u16>,
    /// What is missing if nothing follows.
    missing: Kind,
    /// The job whose message it is.
    job_id: Option<JobId>,
    /// Which attempt at a reading it asks for.
    attempt: u32,
    /// When it was first seen that its consumer had been handed it.
    handed_out_at: Option<Timestamp>,
    /// When it was last seen to be under way, or was handed out again: time counts anew from here.
    moved_at: Option<Timestamp>,
    /// When the sweep handed it out again.
    repaired_at: Vec<Timestamp>,
}

/// A fact that may be at odds with what stands outside of the fold; to be looked up once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Doubt {
    /// A claim of a job that is not open: its image may not be in the log.
    ClaimWithoutJob { seq: u64, job_id: JobId, reading_id: ReadingId },
    /// A job is said to be dead-lettered: the entry may be missing.
    LetterWithoutEntry {
        consumer: String,
        stream_seq: u64,
        job_id: JobId,
        reading_id: Option<ReadingId>,
        last_try: Try,
    },
    /// The server stopped handing out a message to a consumer that deliver made: it may have led to nothing.
    DeliveryUnanswered(Advisory),
}

/// All that is open.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct State {
    last_seq: u64,
    open: HashMap<Work, Open>,
    /// Work that ended as a dead letter or, a reading, failed, with the position of its message: a redrive opens it again.
    parked: HashMap<Work, u64>,
    studies: Studies,
    /// What the server said of messages that are open, by consumer and position.
    advisories: BTreeMap<(String, u64), Advisory>,
    doubts: Vec<Doubt>,
}

/// Kinds of facts that change nothing here: of these a version of a later release can be passed by.
pub(crate) const UNREAD: [&str; 6] = [
    "study-close-requested",
    "study-flagged",
    "report-delivered",
    "delivery-failed",
    "delivery-resolved",
    "log-loss-accepted",
];

/// Brings the state to where it stands after `fact`, which was not folded before.
pub(crate) fn evolve(state: &mut State, fact: &Fact<'_>) {
    state.last_seq = fact.seq;
    match &fact.envelope.event {
        Event::ImageStored(e) => state.image_stored(fact, e),
        Event::InferenceRequested(e) => state.inference_requested(fact, e),
        Event::DuplicateLinked(e) => {
            state.close(Work::Image(e.job_id));
            state.studies.link(e.job_id, e.reading_id, fact.stored_at);
        }
        Event::InferenceCompleted(e) => {
            state.close(Work::Reading(e.reading_id));
            state.studies.reading_ended(e.reading_id, fact.stored_at);
        }
        Event::InferenceFailed(e) => state.inference_failed(fact, e),
        Event::JobDeadLettered(e) => state.job_dead_lettered(fact, e),
        Event::DeadLetterResolved(e) => state.dead_letter_resolved(fact, e),
        Event::ReportIssued(e) => state.studies.report_issued(&e.job_ids),
        // No report waits for it any more.
        Event::ImageTakenOut(e) => state.studies.report_issued(&[e.job_id]),
        Event::StudyManifestReceived(e) => state.studies.stir(e.study_id, fact.stored_at),
        Event::StudyCloseRequested(_)
        | Event::StudyFlagged(_)
        | Event::ReportDelivered(_)
        | Event::DeliveryFailed(_)
        | Event::DeliveryResolved(_)
        | Event::LogLossAccepted(_) => {}
    }
}

impl State {
    /// How much has not ended.
    pub(crate) fn open_count(&self) -> usize {
        self.open.len()
    }

    /// The message that shall end `work`, if that has not ended.
    pub(crate) fn open(&self, work: Work) -> Option<&Open> {
        self.open.get(&work)
    }

    /// Whether the server gave up on the ticket that was to bring the message again.
    pub(crate) fn ticket_ended(&self, consumer: &str, position: u64) -> bool {
        let advisory = self.advisories.get(&(consumer.to_owned(), position));
        advisory.is_some_and(|advisory| advisory.by_ticket)
    }

    /// Forgets work that has ended.
    pub(crate) fn close(&mut self, work: Work) {
        self.open.remove(&work);
        self.parked.remove(&work);
    }

    /// Takes note of a message that can't be read: the consumer that hands it out, if there is one, must park it.
    pub(crate) fn unreadable(&mut self, seq: u64, stored_at: Timestamp, subject: &str) {
        self.last_seq = seq;
        if let Some(consumer) = consumer_of(subject) {
            let message = Message { seq, stored_at, lane: lane_of(subject).1 };
            self.begin(Work::Unreadable(seq), message, consumer, Kind::UnreadableWithoutDeadLetter);
        }
    }

    fn image_stored(&mut self, fact: &Fact<'_>, e: &ImageStored) {
        let open = self.begin(Work::Image(e.job_id), fact.into(), DEDUPE, Kind::ImageWithoutClaim);
        open.job_id = Some(e.job_id);
        self.studies.image(e.job_id, e.study_id, fact.seq, fact.stored_at);
    }

    fn inference_requested(&mut self, fact: &Fact<'_>, e: &InferenceRequested) {
        let image = Work::Image(e.job_id);
        let known = self.open.contains_key(&image) || self.parked.contains_key(&image);
        if !known && e.attempt == 1 {
            let doubt = Doubt::ClaimWithoutJob { seq: fact.seq, job_id: e.job_id, reading_id: e.reading_id };
            self.doubts.push(doubt);
        }
        self.close(image);
        let reading = Work::Reading(e.reading_id);
        self.parked.remove(&reading);
        let consumer = match e.priority {
            Priority::Stat => INFER_STAT,
            Priority::Routine => INFER_ROUTINE,
        };
        let open = self.begin(reading, fact.into(), consumer, Kind::ReadingWithoutOutcome);
        (open.job_id, open.attempt) = (Some(e.job_id), e.attempt);
        self.studies.link(e.job_id, e.reading_id, fact.stored_at);
    }

    fn inference_failed(&mut self, fact: &Fact<'_>, e: &InferenceFailed) {
        let work = Work::Reading(e.reading_id);
        // A late word on an attempt that was given up is not the outcome of the next one.
        if let Some(open) = self.open.get(&work).filter(|open| open.attempt <= e.attempt) {
            let seq = open.seq;
            self.open.remove(&work);
            self.parked.insert(work, seq);
        }
        self.studies.reading_ended(e.reading_id, fact.stored_at);
    }

    fn job_dead_lettered(&mut self, fact: &Fact<'_>, e: &JobDeadLettered) {
        let work = e.reading_id.map_or(Work::Image(e.job_id), Work::Reading);
        if self.open.get(&work).is_some_and(|open| open.seq <= e.stream_seq) {
            self.open.remove(&work);
            self.parked.insert(work, e.stream_seq);
        }
        self.studies.touch(e.job_id, fact.stored_at);
        if let Some(reading_id) = e.reading_id {
            self.studies.reading_ended(reading_id, fact.stored_at);
        }
        self.doubts.push(Doubt::LetterWithoutEntry {
            consumer: e.consumer.clone(),
            stream_seq: e.stream_seq,
            job_id: e.job_id,
            reading_id: e.reading_id,
            last_try: discrepancy::a_try(fact.stored_at, e.deliveries, &e.reason),
        });
    }

    /// A redrive of what has ended otherwise meanwhile, or was tried again since, leads to nothing, and need not.
    fn dead_letter_resolved(&mut self, fact: &Fact<'_>, e: &DeadLetterResolved) {
        let work = e.reading_id.map_or(Work::Image(e.job_id), Work::Reading);
        if self.parked.get(&work) != Some(&e.stream_seq) {
            return;
        }
        self.parked.remove(&work);
        if e.resolution == Resolution::Redrive {
            let open = self.begin(work, fact.into(), DEDUPE, Kind::RedriveWithoutEffect);
            // The word of no earlier attempt ends it.
            (open.job_id, open.attempt) = (Some(e.job_id), u32::MAX);
        }
    }

    fn begin(&mut self, work: Work, message: Message, consumer: &'static str, missing: Kind) -> &mut Open {
        let open = Open {
            seq: message.seq,
            stored_at: message.stored_at,
            consumer,
            lane: message.lane,
            missing,
            job_id: None,
            attempt: 0,
            handed_out_at: None,
            moved_at: None,
            repaired_at: Vec::new(),
        };
        self.open.entry(work).insert_entry(open).into_mut()
    }
}
