//! What of the open work is overdue, and what is to be done about it. That no retry and no dead letter exists is
//! for the caller to find out: it is asked only of the few messages named here.

use std::collections::HashMap;

use hilum_streams::{Advisory, ConsumerPosition};
use jiff::{SignedDuration, Timestamp};

use super::discrepancy::{Action, Discrepancy, Kind, SWEEP, a_try};
use super::studies::Unreported;
use super::{Limits, Open, State, Work};

/// Repairs without effect after which a message is parked.
const REPAIRS: usize = 3;

/// What may be in hand gets so many times as long as what was settled.
const PATIENCE: i32 = 3;

/// What is wrong at `now`, oldest message first.
pub(crate) fn decide(
    state: &State,
    positions: &[ConsumerPosition],
    now: Timestamp,
    limits: &Limits,
) -> Vec<Discrepancy> {
    let positions = Positions::of(positions);
    let overdue = state.open.iter().filter_map(|(work, open)| {
        let consumer = open.consumer.to_owned();
        if let Some(advisory) = state.advisories.get(&(consumer, open.seq)) {
            return Some(never_answered(*work, open, advisory));
        }
        let waited = waited(open, positions.state_of(open), now, limits)?;
        Some(without_effect(*work, open, waited, now))
    });
    let unreported =
        state.studies.unreported().filter_map(|study| without_report(state, &study, now, limits));
    let mut discrepancies: Vec<Discrepancy> = overdue.chain(unreported).collect();
    discrepancies.sort_by_key(|discrepancy| (discrepancy.position, discrepancy.kind));
    discrepancies
}

/// How far the consumers are.
pub(super) struct Positions<'a>(HashMap<(&'a str, Option<u16>), &'a ConsumerPosition>);

/// Where a message is, as far as its consumer's position shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum QueueState {
    /// In the queue.
    Waiting,
    /// Handed out, and perhaps in hand.
    InHand,
    /// Settled; or no consumer has it in its queue, since its lane is one of a later release.
    Settled,
}

impl<'a> Positions<'a> {
    pub(super) fn of(positions: &'a [ConsumerPosition]) -> Self {
        let by_name = |it: &'a ConsumerPosition| ((it.consumer.as_str(), it.lane), it);
        Self(positions.iter().map(by_name).collect())
    }

    pub(super) fn state_of(&self, open: &Open) -> QueueState {
        match self.0.get(&(open.consumer, open.lane)) {
            Some(position) if open.seq > position.delivered_seq => QueueState::Waiting,
            Some(position) if open.seq > position.ack_floor_seq => QueueState::InHand,
            _ => QueueState::Settled,
        }
    }
}

/// For how long a message is overdue, if it is.
fn waited(open: &Open, far: QueueState, now: Timestamp, limits: &Limits) -> Option<SignedDuration> {
    if far == QueueState::Waiting {
        // However long that is.
        return None;
    }
    let in_hand = far == QueueState::InHand;
    let (since, limit) = match open.moved_at {
        Some(moved_at) => (moved_at, limits.after),
        None if in_hand => (open.handed_out_at.unwrap_or(open.stored_at), limits.after * PATIENCE),
        None => (open.stored_at, limits.after),
    };
    let waited = now.duration_since(since);
    (waited > limit).then_some(waited)
}

fn without_effect(work: Work, open: &Open, waited: SignedDuration, now: Timestamp) -> Discrepancy {
    let consumer = open.consumer;
    let repairs = open.repaired_at.len();
    let what = match open.missing {
        Kind::ImageWithoutClaim => "neither claim nor link nor dead letter followed",
        Kind::ReadingWithoutOutcome => "neither an outcome nor a dead letter followed",
        Kind::RedriveWithoutEffect => "nothing followed the redrive",
        _ => "it can't be read and was not parked",
    };
    if repairs < REPAIRS {
        let reason = format!("{consumer} was handed it, and for {} s {what}", waited.as_secs());
        return Discrepancy { action: Action::HandOutAgain, ..of(work, open, open.missing, reason) };
    }
    let reason = format!("{consumer} was handed it again {repairs} times, and {what}");
    let again = |at: &Timestamp| a_try(*at, 1, "handed out again by the sweep, without effect");
    let tries = open.repaired_at.iter().map(again).chain([a_try(now, 1, &reason)]).collect();
    Discrepancy { action: Action::Park, tries, ..of(work, open, open.missing, reason) }
}

fn never_answered(work: Work, open: &Open, advisory: &Advisory) -> Discrepancy {
    let told = Discrepancy::never_answered(advisory);
    Discrepancy { action: told.action, tries: told.tries, ..of(work, open, told.kind, told.reason) }
}

fn of(work: Work, open: &Open, kind: Kind, reason: String) -> Discrepancy {
    Discrepancy {
        position: Some(open.seq),
        job_id: open.job_id,
        reading_id: match work {
            Work::Reading(reading_id) => Some(reading_id),
            Work::Image(_) | Work::Unreadable(_) => None,
        },
        consumer: open.consumer.to_owned(),
        work: Some(work),
        ..Discrepancy::named(kind, reason)
    }
}

/// The report service folds the same facts, so there is nothing to hand out: somebody has to look at it.
fn without_report(
    state: &State,
    study: &Unreported<'_>,
    now: Timestamp,
    limits: &Limits,
) -> Option<Discrepancy> {
    let waited = now.duration_since(study.stirred_at);
    let is_open = |work: Work| state.open.contains_key(&work);
    let waits = |job: super::studies::Job| {
        is_open(Work::Image(job.job_id)) || job.reading_id.is_some_and(|id| is_open(Work::Reading(id)))
    };
    if waited <= limits.after + limits.quiet || study.jobs().any(waits) {
        return None;
    }
    let reason = format!(
        "all images of study {} have had an outcome for {} s and no report covers them; see the log of hilum-report",
        study.study_id,
        waited.as_secs()
    );
    let discrepancy = Discrepancy::named(Kind::StudyWithoutReport, reason);
    Some(Discrepancy { position: Some(study.seq), consumer: SWEEP.to_owned(), ..discrepancy })
}
