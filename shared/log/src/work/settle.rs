//! The one place where the fate of a message is decided: done, retry later, park, or stop.

use std::error::Error;
use std::time::{Duration, Instant};

use async_nats::jetstream::AckKind;
use async_nats::jetstream::message::Message;
use hilum_events::Envelope;
use jiff::Timestamp;
use tokio::sync::RwLock;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::handle::{Delivery, Failure, Handle};
use super::source::{Kind, Taken, nak, report_progress};
use super::{WorkConfig, WorkError};
use crate::connection::Log;
use crate::dead_letter::chain;
use crate::failpoint::reach;
use crate::recorded::{Place, Recorded, timestamp};
use crate::retry::Attempts;
use crate::retry_ticket::{Ticket, Try};

/// Waits before a failed message is tried again.
const REDELIVERY: Attempts = Attempts {
    first_wait: Duration::from_secs(1),
    longest_wait: Duration::from_secs(120),
    give_up_after: Duration::MAX,
};

/// Waits between two looks whether what is away has come back.
const LOOK_AGAIN: Attempts = Attempts {
    first_wait: Duration::from_millis(200),
    longest_wait: Duration::from_secs(3),
    give_up_after: Duration::MAX,
};

/// What all messages in hand share.
pub(super) struct Bench {
    pub(super) log: Log,
    pub(super) config: WorkConfig,
    pub(super) hand_back: CancellationToken,
    pub(super) stopped: tokio::sync::mpsc::Sender<WorkError>,
    /// Shared by messages that are handled side by side; a suspect has it for itself.
    pub(super) room: RwLock<()>,
}

/// A message with its place in the log and its story.
struct Placed {
    consumer: String,
    recorded: Recorded,
    /// Of this message or ticket: more than one when workers took it and never answered.
    deliveries: u64,
    /// Tries before this one.
    tries: Vec<Try>,
}

/// How handling a message went.
enum Outcome {
    Handled(Result<(), Failure>),
    /// It was not done when draining ended.
    HandedBack,
}

/// Workers that took a message and were not heard of again.
#[derive(Debug, thiserror::Error)]
#[error("{workers} workers took this and ended or hung before they answered")]
struct UnansweredError {
    workers: u64,
}

impl Bench {
    /// Decides what becomes of one message.
    pub(super) async fn settle<H: Handle>(&self, handler: &H, taken: Taken) {
        let begun = Instant::now();
        let Taken { message, kind, consumer, beat } = taken;
        let placed = tokio::select! {
            placed = self.place(&message, kind, &consumer) => placed,
            () = self.hand_back.cancelled() => return nak(&message).await,
        };
        let placed = match placed {
            Ok(placed) => placed,
            Err(error) => {
                let error: &dyn Error = &*error;
                return tracing::error!(error, consumer, "message without a place in the log");
            }
        };
        reach("work.after-receive");
        let seq = placed.recorded.seq;
        let span = tracing::info_span!("handle", otel.name = consumer, consumer, seq);
        placed.recorded.continue_trace_in(&span);
        if kind == Kind::Fresh && placed.deliveries == 1 {
            let waited = Timestamp::now().duration_since(placed.recorded.stored_at).as_secs_f64().max(0.0);
            metrics::histogram!("hilum_queue_wait_seconds", "consumer" => consumer.clone()).record(waited);
        }
        let concluded = async {
            let outcome = self.handle_with_beat(handler, &message, beat, &placed).await;
            self.conclude(&message, &placed, outcome).await
        };
        let word = concluded.instrument(span).await;
        metrics::counter!("hilum_work_total", "consumer" => consumer.clone(), "outcome" => word).increment(1);
        metrics::histogram!("hilum_work_seconds", "consumer" => consumer).record(begun.elapsed());
    }

    /// The fact that a message is or, for a ticket, names; waits while the log is away.
    async fn place(
        &self,
        message: &Message,
        kind: Kind,
        consumer: &str,
    ) -> Result<Placed, Box<dyn Error + Send + Sync>> {
        let info = message.info()?;
        let place = Place {
            seq: info.stream_sequence,
            subject: &message.subject,
            stored_at: timestamp(info.published.unix_timestamp_nanos()),
            pending: info.pending,
        };
        let deliveries = u64::try_from(info.delivered).unwrap_or(1);
        let (recorded, tries) = match kind {
            Kind::Fresh => (Recorded::new(place, message.headers.as_ref(), message.payload.clone()), vec![]),
            Kind::Retry => {
                let ticket = Ticket::decode(&message.payload)?;
                (self.original(ticket.stream_seq).await?, ticket.tries)
            }
        };
        Ok(Placed { consumer: consumer.to_owned(), recorded, deliveries, tries })
    }

    async fn original(&self, seq: u64) -> Result<Recorded, String> {
        let mut looks = 2;
        loop {
            match self.log.at(seq).await {
                Ok(found) => {
                    return found.ok_or_else(|| format!("a ticket names position {seq}, which is empty"));
                }
                Err(error) => {
                    tracing::debug!(error = &error as &dyn Error, "cannot fetch what a ticket names")
                }
            }
            tokio::time::sleep(LOOK_AGAIN.jittered_wait_before(looks)).await;
            looks += 1;
        }
    }

    /// Runs the handler, telling the server meanwhile that the message is in hand.
    async fn handle_with_beat<H: Handle>(
        &self,
        handler: &H,
        message: &Message,
        beat: Duration,
        placed: &Placed,
    ) -> Outcome {
        let envelope = match &placed.recorded.content {
            Ok(envelope) => envelope.clone(),
            Err(error) => return Outcome::Handled(Err(Failure::Park(error.clone().into()))),
        };
        if placed.deliveries > self.config.max_unanswered {
            let error = UnansweredError { workers: placed.deliveries - 1 };
            return Outcome::Handled(Err(Failure::Park(error.into())));
        }
        let work = self.handle_in_room(handler, placed, envelope);
        tokio::pin!(work);
        let mut beats = tokio::time::interval(beat);
        beats.tick().await;
        loop {
            tokio::select! {
                done = &mut work => return Outcome::Handled(done),
                () = self.hand_back.cancelled() => return Outcome::HandedBack,
                _ = beats.tick() => report_progress(message).await,
            }
        }
    }

    /// A message that a worker took and never answered may have been its end: it is handled alone, so that it
    /// takes no other with it.
    async fn handle_in_room<H: Handle>(
        &self,
        handler: &H,
        placed: &Placed,
        envelope: Envelope,
    ) -> Result<(), Failure> {
        let delivery =
            Delivery { recorded: placed.recorded.clone(), envelope, deliveries: placed.deliveries };
        if placed.deliveries > 1 {
            let _alone = self.room.write().await;
            self.handle_while_away(handler, &delivery).await
        } else {
            let _shared = self.room.read().await;
            self.handle_while_away(handler, &delivery).await
        }
    }

    /// A try that fails while something it needs is away says nothing about the message: it is kept in hand and
    /// tried again when that is back. No further messages are taken meanwhile, for the hands are full.
    async fn handle_while_away<H: Handle>(&self, handler: &H, delivery: &Delivery) -> Result<(), Failure> {
        loop {
            let limit = self.config.handle_limit;
            let done = tokio::time::timeout(limit, handler.handle(delivery)).await;
            let error = match done {
                Ok(Err(Failure::Retry(error))) => error,
                Ok(done) => return done,
                Err(_) => format!("took longer than {limit:?}").into(),
            };
            let mut looks = 2;
            while let Err(away) = self.needs(handler).await {
                tracing::debug!(away, "waiting");
                tokio::time::sleep(LOOK_AGAIN.jittered_wait_before(looks)).await;
                looks += 1;
            }
            if looks == 2 {
                return Err(Failure::Retry(error));
            }
        }
    }

    async fn needs<H: Handle>(&self, handler: &H) -> Result<(), String> {
        self.log.probe().await?;
        handler.needs().await
    }

    /// Acts on the outcome; gives a word for the metrics.
    async fn conclude(&self, message: &Message, placed: &Placed, outcome: Outcome) -> &'static str {
        let (seq, deliveries) = (placed.recorded.seq, placed.deliveries);
        let source = match outcome {
            Outcome::Handled(Ok(())) => {
                reach("work.after-effect");
                settled(message, seq).await;
                return "done";
            }
            Outcome::HandedBack => {
                nak(message).await;
                return "handed_back";
            }
            Outcome::Handled(Err(Failure::Stop(source))) => {
                tracing::error!(error = &*source as &dyn Error, seq, "stopping: going on would do harm");
                // The message comes again after its ack wait. Only the first reason to stop is kept.
                let _ = self.stopped.try_send(WorkError::Stopped { seq, source });
                return "stopped";
            }
            Outcome::Handled(Err(Failure::Retry(source)))
                if placed.tries.len() + 1 < self.config.max_tries =>
            {
                return self.retry_later(message, placed, &*source).await;
            }
            Outcome::Handled(Err(Failure::Retry(source) | Failure::Park(source))) => source,
        };
        tracing::error!(error = &*source as &dyn Error, seq, deliveries, "given up");
        let tries = tries_with(placed, chain(&*source));
        if let Err(error) = self.log.give_up(&placed.consumer, &placed.recorded, tries).await {
            let error: &dyn Error = &error;
            tracing::warn!(error, seq, "cannot park; the message comes again after its ack wait");
            return "retried";
        }
        if let Err(error) = message.ack_with(AckKind::Term).await {
            tracing::debug!(error, seq, "termination was not sent");
        }
        "parked"
    }

    /// Writes the ticket, then settles the message: what waits for its time is not in hand.
    async fn retry_later(
        &self,
        message: &Message,
        placed: &Placed,
        source: &(dyn Error + Send + Sync + 'static),
    ) -> &'static str {
        let (seq, number) = (placed.recorded.seq, placed.tries.len() as u64 + 2);
        let wait = REDELIVERY.jittered_wait_before(number);
        tracing::warn!(error = source as &dyn Error, seq, ?wait, "will be tried again");
        let tries = tries_with(placed, chain(source));
        let ticket = Ticket { consumer: placed.consumer.clone(), stream_seq: seq, tries };
        match self.log.schedule_retry(&ticket, wait).await {
            Ok(()) => settled(message, seq).await,
            Err(error) => {
                let error: &dyn Error = &error;
                tracing::warn!(
                    error,
                    seq,
                    "no ticket was written; the message comes again after its ack wait"
                );
            }
        }
        "retried"
    }
}

fn tries_with(placed: &Placed, errors: Vec<String>) -> Vec<Try> {
    let mut tries = placed.tries.clone();
    tries.push(Try::now(placed.deliveries, errors));
    tries
}

/// A lost acknowledgement brings the message again; handling it again changes nothing.
async fn settled(message: &Message, seq: u64) {
    reach("work.before-ack");
    if let Err(error) = message.double_ack().await {
        tracing::debug!(error, seq, "acknowledgement was not confirmed");
    }
}
