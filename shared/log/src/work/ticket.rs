//! Work that is tried again later. A ticket names the message and carries the story of its tries; until its time
//! has come it waits as a scheduled message in a stream of its own, so that it holds no place among the messages
//! that a consumer has in hand.

use std::time::Duration;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::RawMessageErrorKind;
use futures::future::BoxFuture;
use hilum_events::EventId;
use hilum_faults::reach;
use hilum_streams::{RETRIES, TicketSubject, Try};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::port::{Log, UnavailableError, asked};

/// What waits in the stream of retries, CBOR-encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    /// The consumer that is to try again.
    pub(crate) consumer: String,
    /// Position of the message in the event stream.
    pub(crate) stream_seq: u64,
    /// Its id, if it can be read: another fact may stand there once the log was restored from a copy.
    #[serde(default)]
    pub(crate) event_id: Option<EventId>,
    /// What was tried so far, oldest first.
    pub(crate) tries: Vec<Try>,
    /// Workers that had taken the message and never answered, when it was put off before it was tried.
    #[serde(default)]
    pub(crate) unanswered: u64,
}

impl Ticket {
    /// Reads a ticket.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ciborium::de::Error<std::io::Error>> {
        ciborium::from_reader(bytes)
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, UnavailableError> {
        let mut bytes = Vec::new();
        ciborium::into_writer(self, &mut bytes).map_err(UnavailableError::new("encode a ticket"))?;
        Ok(bytes)
    }

    pub(crate) fn subject(&self) -> TicketSubject<'_> {
        TicketSubject { consumer: &self.consumer, stream_seq: self.stream_seq }
    }
}

impl Log {
    /// Has the server hand out the ticket after `wait`; durable when this returns. A later ticket for the same
    /// message replaces one that still waits.
    pub(crate) async fn schedule_retry(
        &self,
        ticket: &Ticket,
        wait: Duration,
    ) -> Result<(), UnavailableError> {
        if let Some(server) = &self.server {
            let scheduled = server.schedule(
                ticket.subject().later(),
                ticket.subject().due(),
                ticket.encode()?.into(),
                wait,
            );
            return asked("schedule a retry", scheduled).await;
        }
        let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        let due = self.server_time().await?.saturating_add(wait).unwrap_or(Timestamp::MAX);
        let mut headers = async_nats::HeaderMap::new();
        headers.insert(async_nats::header::NATS_SCHEDULE, format!("@at {due:.3}"));
        headers.insert(async_nats::header::NATS_SCHEDULE_TARGET, ticket.subject().due());
        let message = PublishMessage::build().payload(ticket.encode()?.into()).headers(headers);
        let unavailable = || UnavailableError::new("schedule a retry");
        let sent = self.context.send_publish(ticket.subject().later(), message).await;
        let scheduled = match sent {
            Ok(ack) => ack.await.map_err(unavailable()),
            Err(error) => Err(unavailable()(error)),
        };
        self.standing.note("schedule a retry", &scheduled);
        scheduled?;
        reach("retry.after-schedule");
        Ok(())
    }

    /// Has the server hand out the ticket now, unless one for the same message waits to be handed out already.
    async fn retry_now(&self, ticket: &Ticket) -> Result<(), UnavailableError> {
        match self.publish_in_place(ticket.subject().due(), ticket.encode()?, 0).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(()),
            Err(error) => Err(UnavailableError::new("hand out a ticket")(error)),
        }
    }

    /// Hands the message at `stream_seq` of the event stream to `consumer` again, for work that ended without
    /// an effect; `why` is kept as a try. Harmless when repeated, and when the work was done after all.
    ///
    /// # Errors
    /// When the server is away.
    pub fn hand_out_again<'a>(
        &'a self,
        consumer: &'a str,
        stream_seq: u64,
        why: &'a str,
    ) -> BoxFuture<'a, Result<(), UnavailableError>> {
        Box::pin(async move {
            let tries = vec![Try::ended(Timestamp::now(), 1, vec![why.to_owned()])];
            let consumer = consumer.to_owned();
            // It is for what stands there now, whatever that is.
            let event_id = None;
            self.retry_now(&Ticket { consumer, stream_seq, event_id, tries, unanswered: 0 }).await
        })
    }

    /// Whether a retry of the message at `stream_seq` waits for its time or to be handed out.
    ///
    /// # Errors
    /// When the server is away.
    pub fn has_retry<'a>(
        &'a self,
        consumer: &'a str,
        stream_seq: u64,
    ) -> BoxFuture<'a, Result<bool, UnavailableError>> {
        Box::pin(async move {
            let filter = TicketSubject { consumer, stream_seq }.anywhere();
            if let Some(server) = &self.server {
                let found = asked("look for a retry", server.last_message(RETRIES, &filter)).await?;
                return Ok(found.is_some());
            }
            let stream = self.context.get_stream_no_info(RETRIES).await;
            let stream = stream.map_err(UnavailableError::new("open the stream of retries"))?;
            match stream.get_last_raw_message_by_subject(&filter).await {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(false),
                Err(error) => Err(UnavailableError::new("look for a retry")(error)),
            }
        })
    }

    /// Removes the retries of a message whose work has ended otherwise.
    ///
    /// # Errors
    /// When the server is away.
    pub fn withdraw_retry<'a>(
        &'a self,
        consumer: &'a str,
        stream_seq: u64,
    ) -> BoxFuture<'a, Result<(), UnavailableError>> {
        Box::pin(async move {
            let filter = TicketSubject { consumer, stream_seq }.anywhere();
            if let Some(server) = &self.server {
                return asked("withdraw a retry", server.remove(RETRIES, &filter)).await;
            }
            let stream = self.context.get_stream_no_info(RETRIES).await;
            let stream = stream.map_err(UnavailableError::new("open the stream of retries"))?;
            let purged = stream.purge().filter(filter).await;
            purged.map(drop).map_err(UnavailableError::new("withdraw a retry"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_with_a_long_story_is_short_and_read_as_it_was_written() {
        let tries = (0..12).map(|_| Try::ended(Timestamp::now(), 1, vec!["it can't be reached".to_owned()]));
        let ticket = Ticket {
            consumer: "deliver-pacs".to_owned(),
            stream_seq: 7,
            event_id: None,
            tries: tries.collect(),
            unanswered: 0,
        };
        let bytes = ticket.encode().unwrap();
        assert!(bytes.len() < 4096, "it is written anew with each try: {} bytes", bytes.len());
        assert_eq!(Ticket::decode(&bytes).unwrap(), ticket);
    }
}
