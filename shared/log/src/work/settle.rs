//! The one place where the fate of a message is decided: done, retry later, park, or stop.

use std::error::Error;
use std::time::{Duration, Instant};

use async_nats::jetstream::AckKind;
use async_nats::jetstream::message::Message;
use hilum_events::{Event, JobDeadLettered};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::handle::{Delivery, Failure, Handle};
use super::{WorkConfig, WorkError};
use crate::connection::Log;
use crate::dead_letter::DeadLetter;
use crate::recorded::{Place, Recorded, timestamp};
use crate::retry::Attempts;

/// Waits before a failed message comes again.
const REDELIVERY: Attempts = Attempts {
    first_wait: Duration::from_secs(1),
    longest_wait: Duration::from_secs(30),
    give_up_after: Duration::from_secs(3600),
};

/// What all messages in hand share.
pub(super) struct Bench {
    pub(super) log: Log,
    pub(super) config: WorkConfig,
    pub(super) hand_back: CancellationToken,
    pub(super) stopped: tokio::sync::mpsc::Sender<WorkError>,
}

/// A message with its place in the log.
struct Placed<'a> {
    consumer: &'a str,
    recorded: &'a Recorded,
    deliveries: u64,
}

/// How handling a message went.
enum Outcome {
    Handled(Result<(), Failure>),
    /// It was not done when draining ended.
    HandedBack,
}

impl Bench {
    /// Decides what becomes of one message.
    pub(super) async fn settle<H: Handle>(
        &self,
        handler: &H,
        consumer: &str,
        beat: Duration,
        message: Message,
    ) {
        let begun = Instant::now();
        let (recorded, deliveries) = match place(&message) {
            Ok(placed) => placed,
            Err(error) => {
                let error: &dyn Error = &*error;
                return tracing::error!(error, consumer, "message without a place in the log");
            }
        };
        let span = tracing::info_span!("handle", otel.name = consumer, consumer, seq = recorded.seq);
        recorded.continue_trace_in(&span);
        if deliveries == 1 {
            let waited = Timestamp::now().duration_since(recorded.stored_at).as_secs_f64().max(0.0);
            metrics::histogram!("hilum_queue_wait_seconds", "consumer" => consumer.to_owned()).record(waited);
        }
        let placed = Placed { consumer, recorded: &recorded, deliveries };
        let concluded = async {
            let outcome = self.handle_with_beat(handler, &message, beat, &placed).await;
            self.conclude(&message, &placed, outcome).await
        };
        let word = concluded.instrument(span).await;
        metrics::counter!("hilum_work_total", "consumer" => consumer.to_owned(), "outcome" => word)
            .increment(1);
        metrics::histogram!("hilum_work_seconds", "consumer" => consumer.to_owned()).record(begun.elapsed());
    }

    /// Runs the handler, telling the server meanwhile that the message is in hand.
    async fn handle_with_beat<H: Handle>(
        &self,
        handler: &H,
        message: &Message,
        beat: Duration,
        placed: &Placed<'_>,
    ) -> Outcome {
        let envelope = match &placed.recorded.content {
            Ok(envelope) => envelope.clone(),
            Err(error) => return Outcome::Handled(Err(Failure::Park(error.clone().into()))),
        };
        let recorded = placed.recorded.clone();
        let delivery = Delivery { recorded, envelope, deliveries: placed.deliveries };
        let work = tokio::time::timeout(self.config.handle_limit, handler.handle(&delivery));
        tokio::pin!(work);
        let mut beats = tokio::time::interval(beat);
        beats.tick().await;
        loop {
            tokio::select! {
                done = &mut work => {
                    return Outcome::Handled(done.unwrap_or_else(|_| {
                        Err(Failure::Retry(format!("took longer than {:?}", self.config.handle_limit).into()))
                    }));
                }
                () = self.hand_back.cancelled() => return Outcome::HandedBack,
                _ = beats.tick() => {
                    if let Err(error) = message.ack_with(AckKind::Progress).await {
                        tracing::debug!(error, "progress was not reported");
                    }
                }
            }
        }
    }

    /// Acts on the outcome; gives a word for the metrics.
    async fn conclude(&self, message: &Message, placed: &Placed<'_>, outcome: Outcome) -> &'static str {
        let (seq, deliveries) = (placed.recorded.seq, placed.deliveries);
        match outcome {
            Outcome::Handled(Ok(())) => {
                // A lost acknowledgement brings the message again; handling it again changes nothing.
                if let Err(error) = message.double_ack().await {
                    tracing::debug!(error, seq, "acknowledgement was not confirmed");
                }
                "done"
            }
            Outcome::HandedBack => {
                nak(message, None).await;
                "handed_back"
            }
            Outcome::Handled(Err(Failure::Stop(source))) => {
                tracing::error!(error = &*source as &dyn Error, seq, "stopping: going on would do harm");
                nak(message, Some(REDELIVERY.longest_wait)).await;
                // Only the first reason to stop is kept.
                let _ = self.stopped.try_send(WorkError::Stopped { seq, source });
                "stopped"
            }
            Outcome::Handled(Err(Failure::Retry(source))) if deliveries < self.config.max_tries => {
                let wait = REDELIVERY.wait_before(deliveries + 1);
                tracing::warn!(error = &*source as &dyn Error, seq, deliveries, ?wait, "will be tried again");
                nak(message, Some(wait)).await;
                "retried"
            }
            Outcome::Handled(Err(Failure::Retry(source) | Failure::Park(source))) => {
                tracing::error!(error = &*source as &dyn Error, seq, deliveries, "given up");
                self.end_in_dead_letters(message, placed, chain(&*source)).await
            }
        }
    }

    /// The message ends only when its story is kept and its job's fate is told.
    async fn end_in_dead_letters(
        &self,
        message: &Message,
        placed: &Placed<'_>,
        errors: Vec<String>,
    ) -> &'static str {
        let seq = placed.recorded.seq;
        if let Err(error) = self.park(placed, errors).await {
            tracing::warn!(error = &*error as &dyn Error, seq, "cannot park; will be tried again");
            nak(message, Some(REDELIVERY.longest_wait)).await;
            return "retried";
        }
        if let Err(error) = message.ack_with(AckKind::Term).await {
            tracing::debug!(error, seq, "termination was not sent");
        }
        "parked"
    }

    /// Keeps the story, then tells the job's fate; only then may the message end.
    async fn park(
        &self,
        placed: &Placed<'_>,
        errors: Vec<String>,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        let Placed { consumer, recorded, deliveries } = *placed;
        let reason = errors.join(": ");
        self.log.write_dead_letter(&DeadLetter::new(consumer, recorded, deliveries, errors)).await?;
        let Some(envelope) = recorded.envelope() else { return Ok(()) };
        let Some((job_id, reading_id)) = envelope.event.job() else { return Ok(()) };
        let event = Event::JobDeadLettered(JobDeadLettered {
            job_id,
            reading_id,
            consumer: consumer.to_owned(),
            stream_seq: recorded.seq,
            deliveries,
            reason,
        });
        self.log.append(&envelope.next(Timestamp::now(), event)).await?;
        Ok(())
    }
}

fn place(message: &Message) -> Result<(Recorded, u64), Box<dyn Error + Send + Sync>> {
    let info = message.info()?;
    let place = Place {
        seq: info.stream_sequence,
        subject: &message.subject,
        stored_at: timestamp(info.published.unix_timestamp_nanos()),
        pending: info.pending,
    };
    let recorded = Recorded::new(place, message.headers.as_ref(), message.payload.clone());
    Ok((recorded, u64::try_from(info.delivered).unwrap_or(1)))
}

async fn nak(message: &Message, wait: Option<Duration>) {
    if let Err(error) = message.ack_with(AckKind::Nak(wait)).await {
        tracing::debug!(
            error,
            "negative acknowledgement was not sent; the message comes again after its ack wait"
        );
    }
}

fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts
}
