//! The one place where the fate of a message is decided: done, for another worker, retry later, park, or stop.

use std::error::Error;
use std::future::Future;
use std::time::{Duration, Instant};

use async_nats::jetstream::AckKind;
use async_nats::jetstream::message::Message;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::attempt::LOOK_AGAIN;
use super::calm::Calm;
use super::choice::Kind;
use super::handle::{AnyHandle, Failure};
use super::source::{Taken, nak, report_progress};
use super::{WorkConfig, WorkError};
use crate::connection::{Log, UnavailableError};
use crate::need::KnownNeeds;
use crate::recorded::{Place, Recorded, timestamp};
use crate::retry_ticket::{Ticket, Try, times};
use crate::trouble::Trouble;
use hilum_causes::causes;
use hilum_faults::reach;
use hilum_retry::Attempts;

/// Waits before a failed message is tried again.
fn redelivery(handler: &dyn AnyHandle) -> Attempts {
    Attempts {
        first_wait: Duration::from_secs(1),
        longest_wait: handler.longest_wait(),
        give_up_after: Duration::MAX,
    }
}

/// What all messages in hand share.
pub(super) struct Bench {
    pub(super) log: Log,
    pub(super) config: WorkConfig,
    pub(super) hand_back: CancellationToken,
    pub(super) stopped: tokio::sync::mpsc::Sender<WorkError>,
    pub(super) calm: Calm,
    pub(super) needs: KnownNeeds,
}

/// A message with its place in the log and its story.
pub(super) struct Placed {
    pub(super) consumer: String,
    pub(super) recorded: Recorded,
    /// Of this message or ticket, and of what it was put off as before: more than one when workers took it and
    /// never answered.
    pub(super) deliveries: u64,
    /// Tries before this one.
    pub(super) tries: Vec<Try>,
}

/// The log was restored from a copy since the ticket was written: what it would have tried again is not there.
#[derive(Debug, thiserror::Error)]
#[error("a ticket of another event than the one at position {seq} is thrown away")]
pub(super) struct StaleTicketError {
    seq: u64,
}

/// What was handed out.
#[expect(clippy::large_enum_variant, reason = "there is one for each message in hand, and it is moved once")]
pub(super) enum Content {
    /// A fact.
    Fact(Recorded),
    /// The bytes of a ticket, which names a fact.
    Ticket(Bytes),
}

/// A message that failed can't be tried again.
#[derive(Debug, thiserror::Error)]
#[error("{why}; it would be tried again, and the server refuses the ticket for that")]
struct NoTicketError {
    why: String,
    #[source]
    refused: UnavailableError,
}

/// How a message ended.
pub(super) enum Ended {
    /// It was handled.
    Done,
    /// A ticket brings it again.
    Later,
    /// A ticket brings it to a worker that has what it needs.
    HandedOver,
    /// Its story is kept and its job was told.
    Parked,
    /// A handler said stop.
    Stopped(Box<dyn Error + Send + Sync>),
    /// It was not done when draining ended.
    HandedBack,
}

impl Bench {
    /// Decides what becomes of one message.
    pub(super) async fn settle(&self, handler: &dyn AnyHandle, taken: Taken) {
        let begun = Instant::now();
        let Taken { message, counted: _counted, kind, consumer, beat, hold: _hold } = taken;
        let placed = tokio::select! {
            placed = self.place(&message, kind, &consumer) => placed,
            () = self.hand_back.cancelled() => return nak(&message).await,
        };
        let placed = match placed {
            Ok(placed) => placed,
            Err(error) => {
                tracing::error!(
                    error = &*error as &dyn Error,
                    consumer,
                    "message without a place in the log"
                );
                if error.is::<StaleTicketError>() {
                    self.answer(&message, 0, Ended::Parked).await;
                }
                return;
            }
        };
        reach("work.after-receive");
        let seq = placed.recorded.seq;
        let span = tracing::info_span!("handle", otel.name = consumer, consumer, seq);
        placed.recorded.continue_trace_in(&span);
        if kind == Kind::Fresh
            && placed.deliveries == 1
            && let Some(now) = self.log.clock().now()
        {
            let waited = now.duration_since(placed.recorded.stored_at).as_secs_f64().max(0.0);
            metrics::histogram!("hilum_queue_wait_seconds", "consumer" => consumer.clone()).record(waited);
        }
        let word = async {
            let ended = self.see_through_with_beat(handler, &message, beat, &placed).await;
            self.answer(&message, seq, ended).await
        };
        let word = word.instrument(span).await;
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
        let content = match kind {
            Kind::Fresh => {
                Content::Fact(Recorded::new(place, message.headers.as_ref(), message.payload.clone()))
            }
            Kind::Retry => Content::Ticket(message.payload.clone()),
        };
        self.placed(content, deliveries, consumer).await
    }

    /// What was handed out, so many times, with its story.
    pub(super) async fn placed(
        &self,
        content: Content,
        deliveries: u64,
        consumer: &str,
    ) -> Result<Placed, Box<dyn Error + Send + Sync>> {
        let (recorded, unanswered, tries) = match content {
            Content::Fact(recorded) => (recorded, 0, vec![]),
            Content::Ticket(ticket) => {
                let ticket = Ticket::decode(&ticket)?;
                let original = self.original(ticket.stream_seq).await?;
                let stands_there = original.envelope().map(|envelope| envelope.event_id);
                if ticket.event_id.is_some_and(|wanted| stands_there != Some(wanted)) {
                    return Err(StaleTicketError { seq: ticket.stream_seq }.into());
                }
                (original, ticket.unanswered, ticket.tries)
            }
        };
        self.log.has_read(&recorded);
        let deliveries = unanswered + deliveries;
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
            self.log.pause_before(LOOK_AGAIN, looks).await;
            looks += 1;
        }
    }

    /// Sees the message through, telling the server meanwhile that it is in hand.
    async fn see_through_with_beat(
        &self,
        handler: &dyn AnyHandle,
        message: &Message,
        beat: Duration,
        placed: &Placed,
    ) -> Ended {
        let work = self.see_through(handler, placed);
        tokio::pin!(work);
        let mut beats = tokio::time::interval(beat);
        beats.tick().await;
        loop {
            tokio::select! {
                ended = &mut work => return ended,
                () = self.hand_back.cancelled() => return Ended::HandedBack,
                _ = beats.tick() => report_progress(message).await,
            }
        }
    }

    /// Handles the message and writes down what follows from it, however long the log can't be written.
    pub(super) async fn see_through(&self, handler: &dyn AnyHandle, placed: &Placed) -> Ended {
        let seq = placed.recorded.seq;
        // What workers took and never answered may have been their end: it is handled alone.
        let place = if self.is_suspect(placed) { self.calm.alone().await } else { self.calm.beside_others() };
        let Some(_place) = place else {
            // In hand it would die with the suspect that is being handled, and be taken for another poison.
            let wait = self.log.wait_before(redelivery(handler), 2);
            return match self.put_off(placed, placed.tries.clone(), placed.deliveries - 1, wait).await {
                Ok(()) => Ended::Later,
                Err(refused) => Ended::Stopped(refused.into()),
            };
        };
        let tried = times(&placed.tries);
        let may_try_again = tried + 1 < self.config.max_tries as u64;
        let (source, not_before) = match self.try_to_handle(handler, placed).await {
            Ok(()) => {
                reach("work.after-effect");
                return Ended::Done;
            }
            Err(Failure::Stop(source)) => return Ended::Stopped(source),
            Err(Failure::Elsewhere { need }) => {
                let ticket = ticket(placed, placed.tries.clone(), 0);
                let hand_over = || self.log.hand_over(&ticket, &need, &self.needs);
                match until_written(&self.log, seq, hand_over).await {
                    Ok(()) => {
                        tracing::debug!(need = need.name(), seq, "handed over");
                        return Ended::HandedOver;
                    }
                    Err(refused) => {
                        let why = Failure::Elsewhere { need }.to_string();
                        (NoTicketError { why, refused }.into(), None)
                    }
                }
            }
            Err(Failure::Retry(source)) => (source, may_try_again.then_some(Duration::ZERO)),
            Err(Failure::RetryLater { source, not_before }) => (source, may_try_again.then_some(not_before)),
            Err(Failure::Park(source)) => (source, None),
        };
        let source = match not_before {
            Some(not_before) => {
                let wait = self.log.wait_before(redelivery(handler), tried + 2).max(not_before);
                tracing::warn!(error = &*source as &dyn Error, seq, ?wait, "will be tried again");
                let tries = tries_with(placed, causes(&*source));
                match self.put_off(placed, tries, 0, wait).await {
                    Ok(()) => return Ended::Later,
                    // It can't come again by a ticket: this was its last try.
                    Err(refused) => NoTicketError { why: causes(&*source).join(": "), refused }.into(),
                }
            }
            None => source,
        };
        tracing::error!(error = &*source as &dyn Error, seq, deliveries = placed.deliveries, "given up");
        let tries = tries_with(placed, causes(&*source));
        let mut looks = 2;
        loop {
            match self.log.give_up(&placed.consumer, &placed.recorded, tries.clone()).await {
                Ok(()) => return Ended::Parked,
                Err(error) if error.passes() => {
                    tracing::debug!(error = &error as &dyn Error, seq, "cannot park yet");
                }
                Err(error) => return Ended::Stopped(error.into()),
            }
            self.log.pause_before(LOOK_AGAIN, looks).await;
            looks += 1;
        }
    }

    /// Whether workers took the message and never answered, and one more may be risked.
    fn is_suspect(&self, placed: &Placed) -> bool {
        (2..=self.config.max_unanswered).contains(&placed.deliveries)
    }

    /// Has the message come again by a ticket, after `wait`.
    ///
    /// # Errors
    /// When the server refuses the ticket for good.
    async fn put_off(
        &self,
        placed: &Placed,
        tries: Vec<Try>,
        unanswered: u64,
        wait: Duration,
    ) -> Result<(), UnavailableError> {
        let ticket = ticket(placed, tries, unanswered);
        until_written(&self.log, ticket.stream_seq, || self.log.schedule_retry(&ticket, wait)).await
    }

    /// Answers the server; gives a word for the metrics.
    async fn answer(&self, message: &Message, seq: u64, ended: Ended) -> &'static str {
        match ended {
            Ended::Done => {
                settled(message, seq).await;
                "done"
            }
            Ended::Later => {
                settled(message, seq).await;
                "retried"
            }
            Ended::HandedOver => {
                settled(message, seq).await;
                "handed_over"
            }
            Ended::Parked => {
                if let Err(error) = message.ack_with(AckKind::Term).await {
                    tracing::debug!(error, seq, "termination was not sent");
                }
                "parked"
            }
            Ended::HandedBack => {
                nak(message).await;
                "handed_back"
            }
            Ended::Stopped(source) => {
                tracing::error!(error = &*source as &dyn Error, seq, "stopping: going on would do harm");
                // The message comes again after its ack wait. Only the first reason to stop is kept.
                let _ = self.stopped.try_send(WorkError::Stopped { seq, source });
                "stopped"
            }
        }
    }
}

fn ticket(placed: &Placed, tries: Vec<Try>, unanswered: u64) -> Ticket {
    let stream_seq = placed.recorded.seq;
    let event_id = placed.recorded.envelope().map(|envelope| envelope.event_id);
    Ticket { consumer: placed.consumer.clone(), stream_seq, event_id, tries, unanswered }
}

/// Tries until it is written, however long that takes, unless the server refuses it.
async fn until_written<F, Fut>(log: &Log, seq: u64, mut write: F) -> Result<(), UnavailableError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<(), UnavailableError>>,
{
    let mut looks = 2;
    while let Err(error) = write().await {
        if error.trouble() == Trouble::Refused {
            return Err(error);
        }
        tracing::debug!(error = &error as &dyn Error, seq, "no ticket was written yet");
        log.pause_before(LOOK_AGAIN, looks).await;
        looks += 1;
    }
    Ok(())
}

fn tries_with(placed: &Placed, errors: Vec<String>) -> Vec<Try> {
    let mut tries = placed.tries.clone();
    Try::now(placed.deliveries, errors).join(&mut tries);
    tries
}

/// A lost acknowledgement brings the message again; handling it again changes nothing.
async fn settled(message: &Message, seq: u64) {
    reach("work.before-ack");
    if let Err(error) = message.double_ack().await {
        tracing::debug!(error, seq, "acknowledgement was not confirmed");
    }
}
