//! Looking up what the fold can't tell: whether something that may be wrong is wrong. Changes nothing.

use hilum_events::{DeliveryTarget, delivered_filter, job_image_filter};
use hilum_log::{Advisory, Log, Recorded, UnavailableError, target_of};
use jiff::Timestamp;

use crate::domain::{Action, Discrepancy, Doubt, Kind, SWEEP};

/// What a doubt came to.
pub(crate) enum Verdict {
    /// Nothing is wrong, for good.
    Right,
    /// Something is under way; how it ends will decide it.
    NotYetKnown,
    /// This is wrong.
    Wrong(Discrepancy),
}

/// Looks up what is in doubt.
pub(crate) async fn settle(log: &Log, doubt: &Doubt, now: Timestamp) -> Result<Verdict, UnavailableError> {
    match doubt {
        Doubt::ClaimWithoutJob { seq, job_id, reading_id } => {
            if log.last(&job_image_filter(*job_id)).await?.is_some()
                || log.dead_letter(SWEEP, *seq).await?.is_some()
            {
                return Ok(Verdict::Right);
            }
            let reason = "a job claimed this reading and no image of that job is in the log".to_owned();
            let discrepancy = Discrepancy::parked(Kind::ClaimWithoutJob, *seq, now, reason);
            Ok(Verdict::Wrong(Discrepancy {
                job_id: Some(*job_id),
                reading_id: Some(*reading_id),
                ..discrepancy
            }))
        }
        Doubt::LetterWithoutEntry { consumer, stream_seq, job_id, reading_id, last_try } => {
            if log.dead_letter(consumer, *stream_seq).await?.is_some() {
                return Ok(Verdict::Right);
            }
            let reason = format!("{consumer} gave it up and the entry with its story is missing");
            let gone = log.at(*stream_seq).await?.is_none();
            let discrepancy = Discrepancy::parked(Kind::DeadLetterWithoutEntry, *stream_seq, now, reason);
            Ok(Verdict::Wrong(Discrepancy {
                job_id: Some(*job_id),
                reading_id: *reading_id,
                action: if gone { Action::Name } else { Action::WriteAnew },
                consumer: consumer.clone(),
                tries: vec![last_try.clone()],
                ..discrepancy
            }))
        }
        Doubt::DeliveryUnanswered(advisory) => unanswered_delivery(log, advisory).await,
    }
}

/// Whether the message that the server gave up on ended otherwise: by a retry, as a dead letter, or delivered after all.
async fn unanswered_delivery(log: &Log, advisory: &Advisory) -> Result<Verdict, UnavailableError> {
    let Advisory { consumer, stream_seq, by_ticket, .. } = advisory;
    // Asked first: of a retry that has ended by then, what it led to is found below.
    if !by_ticket && log.has_retry(consumer, *stream_seq).await? {
        return Ok(Verdict::NotYetKnown);
    }
    if log.dead_letter(consumer, *stream_seq).await?.is_some() {
        return Ok(Verdict::Right);
    }
    let discrepancy = Discrepancy::never_answered(advisory);
    let Some(recorded) = log.at(*stream_seq).await? else {
        let reason = format!("{}; it is gone from the log: restore it from a copy", discrepancy.reason);
        return Ok(Verdict::Wrong(Discrepancy { action: Action::Name, reason, ..discrepancy }));
    };
    let delivered = is_delivered(log, consumer, &recorded).await?;
    Ok(if delivered { Verdict::Right } else { Verdict::Wrong(discrepancy) })
}

/// Whether the consumer's target took what the message is about, in whichever round of tries. No fact records that triage
/// has handled a message.
async fn is_delivered(log: &Log, consumer: &str, recorded: &Recorded) -> Result<bool, UnavailableError> {
    let target = target_of(consumer).and_then(|name| name.parse::<DeliveryTarget>().ok());
    let delivery = recorded.envelope().and_then(|envelope| envelope.event.delivery());
    let (Some(target), Some((study_id, matter, _))) = (target, delivery) else { return Ok(false) };
    Ok(log.last(&delivered_filter(study_id, &matter, &target)).await?.is_some())
}
