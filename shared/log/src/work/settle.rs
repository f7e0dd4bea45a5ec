//! The one place where the fate of a message is decided: done, for another worker, retry later, park, or stop.

use std::error::Error;
use std::future::Future;
use std::time::{Duration, Instant};

use async_nats::jetstream::message::Message;
use hilum_causes::causes;
use hilum_faults::reach;
use hilum_streams::{Try, times};
use jiff::Timestamp;
use tracing::Instrument as _;

use super::choice::Kind;
use super::fate::Fate;
use super::handle::{AnyHandle, Failure};
use super::settler::{Handout, InHand, Settler};
use super::source::{Taken, nak, report_progress};
use super::ticket::Ticket;
use super::waits::{LOOK_AGAIN, redelivery};
use crate::port::{AppendError, Log, Recorded, Trouble, UnavailableError, of_message};

/// The log was restored from a copy since the ticket was written: what it would have tried again is not there.
#[derive(Debug, thiserror::Error)]
#[error("a ticket of another event than the one at position {seq} is thrown away")]
pub(super) struct StaleTicketError {
    seq: u64,
}

/// A message that failed can't be tried again.
#[derive(Debug, thiserror::Error)]
#[error("{why}; it would be tried again, and the server refuses the ticket for that")]
struct NoTicketError {
    why: String,
    #[source]
    refused: UnavailableError,
}

impl Settler {
    /// Decides what becomes of one message.
    pub(super) async fn settle(&self, handler: &dyn AnyHandle, taken: Taken) {
        let begun = Instant::now();
        let Taken { message, counted: _counted, kind, consumer, beat, hold: _hold } = taken;
        let in_hand = tokio::select! {
            in_hand = self.in_hand(&message, kind, &consumer) => in_hand,
            () = self.hand_back.cancelled() => return nak(&message).await,
        };
        let in_hand = match in_hand {
            Ok(in_hand) => in_hand,
            Err(error) => {
                tracing::error!(
                    error = &*error as &dyn Error,
                    consumer,
                    "message without a place in the log"
                );
                if error.is::<StaleTicketError>() {
                    self.answer(&message, 0, Fate::Parked).await;
                }
                return;
            }
        };
        reach("work.after-receive");
        let seq = in_hand.recorded.seq;
        let span = tracing::info_span!("handle", otel.name = consumer, consumer, seq);
        in_hand.recorded.continue_trace_in(&span);
        if kind == Kind::Fresh
            && in_hand.deliveries == 1
            && let Some(now) = self.log.clock().now()
        {
            let waited = now.duration_since(in_hand.recorded.stored_at).as_secs_f64().max(0.0);
            metrics::histogram!("hilum_queue_wait_seconds", "consumer" => consumer.clone()).record(waited);
        }
        let word = async {
            let ended = self.see_through_with_beat(handler, &message, beat, &in_hand).await;
            self.answer(&message, seq, ended).await
        };
        let word = word.instrument(span).await;
        metrics::counter!("hilum_work_total", "consumer" => consumer.clone(), "outcome" => word).increment(1);
        metrics::histogram!("hilum_work_seconds", "consumer" => consumer).record(begun.elapsed());
    }

    /// The fact that a message is or, for a ticket, names; waits while the log is away.
    async fn in_hand(
        &self,
        message: &Message,
        kind: Kind,
        consumer: &str,
    ) -> Result<InHand, Box<dyn Error + Send + Sync>> {
        let deliveries = u64::try_from(message.info()?.delivered).unwrap_or(1);
        let handed = match kind {
            Kind::Fresh => Handout::Fact(of_message(message)?),
            Kind::Retry => Handout::Ticket(message.payload.clone()),
        };
        self.take_in_hand(handed, deliveries, consumer).await
    }

    /// What was handed out, so many times, with its story.
    pub(super) async fn take_in_hand(
        &self,
        handed: Handout,
        deliveries: u64,
        consumer: &str,
    ) -> Result<InHand, Box<dyn Error + Send + Sync>> {
        let (recorded, unanswered, tries) = match handed {
            Handout::Fact(recorded) => (recorded, 0, vec![]),
            Handout::Ticket(ticket) => {
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
        Ok(InHand { consumer: consumer.to_owned(), recorded, deliveries, tries })
    }

    async fn original(&self, seq: u64) -> Result<Recorded, Box<dyn Error + Send + Sync>> {
        let found =
            until_done(&self.log, "what a ticket names was not fetched yet", |_| true, || self.log.at(seq));
        found.await?.ok_or_else(|| format!("a ticket names position {seq}, which is empty").into())
    }

    /// Sees the message through, telling the server meanwhile that it is in hand.
    async fn see_through_with_beat(
        &self,
        handler: &dyn AnyHandle,
        message: &Message,
        beat: Duration,
        in_hand: &InHand,
    ) -> Fate {
        let work = self.see_through(handler, in_hand);
        tokio::pin!(work);
        let mut beats = tokio::time::interval(beat);
        beats.tick().await;
        loop {
            tokio::select! {
                ended = &mut work => return ended,
                () = self.hand_back.cancelled() => return Fate::HandedBack,
                _ = beats.tick() => report_progress(message).await,
            }
        }
    }

    /// Handles the message and writes down what follows from it, however long the log can't be written.
    pub(super) async fn see_through(&self, handler: &dyn AnyHandle, in_hand: &InHand) -> Fate {
        let seq = in_hand.recorded.seq;
        // What workers took and never answered may have been their end: it is handled alone.
        let room = if self.is_suspect(in_hand) { self.calm.alone().await } else { self.calm.beside_others() };
        let Some(_room) = room else {
            // In hand it would die with the suspect that is being handled, and be taken for another poison.
            let wait = self.log.wait_before(redelivery(handler), 2);
            return match self.put_off(in_hand, in_hand.tries.clone(), in_hand.deliveries - 1, wait).await {
                Ok(()) => Fate::Later,
                Err(refused) => Fate::Stopped(refused.into()),
            };
        };
        let tried = times(&in_hand.tries);
        let may_try_again = tried + 1 < self.config.max_tries as u64;
        let (source, not_before) = match self.try_to_handle(handler, in_hand).await {
            Ok(()) => {
                reach("work.after-effect");
                return Fate::Done;
            }
            Err(Failure::Stop(source)) => return Fate::Stopped(source),
            Err(Failure::Elsewhere { need }) => {
                let ticket = ticket(in_hand, in_hand.tries.clone(), 0);
                let hand_over = || self.log.hand_over(&ticket, &need, &self.needs);
                match until_written(&self.log, hand_over).await {
                    Ok(()) => {
                        tracing::debug!(need = need.name(), seq, "handed over");
                        return Fate::HandedOver;
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
                let tries = tries_with(in_hand, causes(&*source));
                match self.put_off(in_hand, tries, 0, wait).await {
                    Ok(()) => return Fate::Later,
                    // It can't come again by a ticket: this was its last try.
                    Err(refused) => NoTicketError { why: causes(&*source).join(": "), refused }.into(),
                }
            }
            None => source,
        };
        tracing::error!(error = &*source as &dyn Error, seq, deliveries = in_hand.deliveries, "given up");
        let tries = tries_with(in_hand, causes(&*source));
        let give_up = || self.log.give_up(&in_hand.consumer, &in_hand.recorded, tries.clone());
        match until_done(&self.log, "no dead letter was written yet", AppendError::passes, give_up).await {
            Ok(()) => Fate::Parked,
            Err(error) => Fate::Stopped(error.into()),
        }
    }

    /// Whether workers took the message and never answered, and one more may be risked.
    fn is_suspect(&self, in_hand: &InHand) -> bool {
        (2..=self.config.max_unanswered).contains(&in_hand.deliveries)
    }

    /// Has the message come again by a ticket, after `wait`.
    ///
    /// # Errors
    /// When the server refuses the ticket for good.
    async fn put_off(
        &self,
        in_hand: &InHand,
        tries: Vec<Try>,
        unanswered: u64,
        wait: Duration,
    ) -> Result<(), UnavailableError> {
        let ticket = ticket(in_hand, tries, unanswered);
        until_written(&self.log, || self.log.schedule_retry(&ticket, wait)).await
    }
}

fn ticket(in_hand: &InHand, tries: Vec<Try>, unanswered: u64) -> Ticket {
    let stream_seq = in_hand.recorded.seq;
    let event_id = in_hand.recorded.envelope().map(|envelope| envelope.event_id);
    Ticket { consumer: in_hand.consumer.clone(), stream_seq, event_id, tries, unanswered }
}

/// Tries until it is written, however long that takes, unless the server refuses it.
async fn until_written<F, Fut>(log: &Log, write: F) -> Result<(), UnavailableError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<(), UnavailableError>>,
{
    let passes = |error: &UnavailableError| error.trouble() != Trouble::Refused;
    until_done(log, "no ticket was written yet", passes, write).await
}

/// Tries until it is done, however long that takes, or fails with an error that does not pass. `why_again` is for the log.
async fn until_done<T, E, F, Fut>(
    log: &Log,
    why_again: &'static str,
    passes: impl Fn(&E) -> bool,
    mut call: F,
) -> Result<T, E>
where
    E: Error + 'static,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let mut tries = 1;
    loop {
        match call().await {
            Err(error) if passes(&error) => {
                tracing::debug!(error = &error as &dyn Error, "{why_again}");
            }
            outcome => return outcome,
        }
        tries += 1;
        log.pause_before(LOOK_AGAIN, tries).await;
    }
}

fn tries_with(in_hand: &InHand, errors: Vec<String>) -> Vec<Try> {
    let mut tries = in_hand.tries.clone();
    Try::ended(Timestamp::now(), in_hand.deliveries, errors).join(&mut tries);
    tries
}
