//! What is kept of a message that was given up: enough to see why and to try again.

use std::collections::BTreeMap;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::stream::RawMessageErrorKind;
use futures::future::BoxFuture;
use hilum_events::{DeliveryFailed, Event, JobDeadLettered};
use hilum_faults::reach;
use hilum_streams::{Try, dead_letter_stream, dead_letter_subject, service_of, target_of, times};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::port::{AppendError, Log, Recorded, UnavailableError, asked};

/// An entry of a dead-letter stream, CBOR-encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The consumer that gave up.
    pub consumer: String,
    /// Position of the message in the event stream.
    pub stream_seq: u64,
    /// Its subject.
    pub subject: String,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// Its payload as it was.
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
    /// What was tried, oldest first.
    pub tries: Vec<Try>,
    /// Version of the service that gave up.
    pub service_version: String,
    /// The trace it belonged to.
    pub trace_id: Option<String>,
    /// When it was given up.
    pub parked_at: Timestamp,
}

impl DeadLetter {
    fn new(consumer: &str, recorded: &Recorded, tries: Vec<Try>) -> Self {
        Self {
            consumer: consumer.to_owned(),
            stream_seq: recorded.seq,
            subject: recorded.subject.clone(),
            headers: recorded.headers.clone().into_iter().collect(),
            payload: recorded.payload.to_vec(),
            tries,
            service_version: env!("CARGO_PKG_VERSION").to_owned(),
            trace_id: recorded.trace_id(),
            parked_at: Timestamp::now(),
        }
    }

    /// The service that gave up.
    pub fn service(&self) -> &str {
        service_of(&self.consumer)
    }

    /// One subject per message and service; of messages that several targets get, one per target.
    pub fn subject(&self) -> String {
        dead_letter_subject(&self.consumer, self.stream_seq)
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// When the bytes are not an entry.
    pub fn decode(bytes: &[u8]) -> Result<Self, ciborium::de::Error<std::io::Error>> {
        ciborium::from_reader(bytes)
    }

    /// Whether this is the story of that message and not of another one at its position.
    fn is_of(&self, recorded: &Recorded) -> bool {
        self.subject == recorded.subject && self.payload == recorded.payload
    }

    /// How often the message was handed out.
    fn deliveries(&self) -> u64 {
        self.tries.iter().map(|tried| tried.deliveries * tried.times).sum()
    }

    /// The last error with its causes, as one sentence.
    fn reason(&self) -> String {
        self.tries.last().map(|tried| tried.errors.join(": ")).unwrap_or_default()
    }

    /// The fact by which the job, or whoever waits for the delivery, learns of it. `None` for messages that belong to neither.
    fn fact(&self, given_up: &Event) -> Option<Event> {
        if let Some(target) = target_of(&self.consumer) {
            let (study_id, matter, attempt) = given_up.delivery()?;
            return Some(Event::DeliveryFailed(DeliveryFailed {
                study_id,
                matter,
                target: target.parse().ok()?,
                attempt,
                consumer: self.consumer.clone(),
                stream_seq: self.stream_seq,
                tries: times(&self.tries),
                reason: self.reason(),
            }));
        }
        let (job_id, reading_id) = given_up.job()?;
        Some(Event::JobDeadLettered(JobDeadLettered {
            job_id,
            reading_id,
            consumer: self.consumer.clone(),
            stream_seq: self.stream_seq,
            deliveries: self.deliveries(),
            reason: self.reason(),
        }))
    }
}

impl Log {
    /// Keeps the story of a message that is given up, then tells the fate of its job or of its delivery. Both stand at
    /// most once, however often this is tried.
    ///
    /// # Errors
    /// When the server is away.
    pub fn give_up<'a>(
        &'a self,
        consumer: &'a str,
        recorded: &'a Recorded,
        tries: Vec<Try>,
    ) -> BoxFuture<'a, Result<(), AppendError>> {
        Box::pin(async move {
            self.check_same().await?;
            let fresh = DeadLetter::new(consumer, recorded, tries);
            let mut previous_seq = 0;
            let letter = loop {
                if self.write_dead_letter(&fresh, previous_seq).await? {
                    break fresh;
                }
                match self.entry(consumer, recorded.seq).await? {
                    // What was kept first is the story: a repeated try must tell the same.
                    Some((_, kept)) if kept.is_of(recorded) => break kept,
                    found => previous_seq = found.map_or(0, |(seq, _)| seq),
                }
            };
            reach("dlq.after-write");
            let Some(envelope) = recorded.envelope() else { return Ok(()) };
            let Some(event) = letter.fact(&envelope.event) else { return Ok(()) };
            self.append(&envelope.next(Timestamp::now(), event)).await?;
            reach("dlq.after-event");
            Ok(())
        })
    }

    /// The dead letter of the message at `stream_seq` of the event stream. An entry of another message, which stood there
    /// before one of the two streams was restored from a copy, is none.
    ///
    /// # Errors
    /// When the server does not answer or the entry can't be read.
    pub fn dead_letter<'a>(
        &'a self,
        consumer: &'a str,
        stream_seq: u64,
    ) -> BoxFuture<'a, Result<Option<DeadLetter>, UnavailableError>> {
        Box::pin(async move {
            let Some((_, letter)) = self.entry(consumer, stream_seq).await? else { return Ok(None) };
            let stands_there = self.at(stream_seq).await?;
            Ok(stands_there.is_none_or(|recorded| letter.is_of(&recorded)).then_some(letter))
        })
    }

    /// The newest entry of this position, and its place among the dead letters.
    async fn entry(
        &self,
        consumer: &str,
        stream_seq: u64,
    ) -> Result<Option<(u64, DeadLetter)>, UnavailableError> {
        if let Some(server) = &self.server {
            let (stream, subject) = (dead_letter_stream(consumer), dead_letter_subject(consumer, stream_seq));
            let found = asked("look for a dead letter", server.last_message(&stream, &subject)).await?;
            let Some((seq, payload)) = found else { return Ok(None) };
            let letter = DeadLetter::decode(&payload);
            return Ok(Some((seq, letter.map_err(UnavailableError::new("read a dead letter"))?)));
        }
        let stream = self.context.get_stream_no_info(dead_letter_stream(consumer)).await;
        let stream = stream.map_err(UnavailableError::new("open a dead-letter stream"))?;
        match stream.get_last_raw_message_by_subject(&dead_letter_subject(consumer, stream_seq)).await {
            Ok(message) => {
                let letter = DeadLetter::decode(&message.payload);
                let letter = letter.map_err(UnavailableError::new("read a dead letter"))?;
                Ok(Some((message.sequence, letter)))
            }
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(UnavailableError::new("look for a dead letter")(error)),
        }
    }

    /// `false` if something else than the entry at `previous_seq` is the newest in its place; 0 when none may be there.
    async fn write_dead_letter(
        &self,
        letter: &DeadLetter,
        previous_seq: u64,
    ) -> Result<bool, UnavailableError> {
        let mut bytes = Vec::new();
        ciborium::into_writer(letter, &mut bytes).map_err(UnavailableError::new("encode a dead letter"))?;
        let acknowledged = self.publish_in_place(letter.subject(), bytes, previous_seq).await;
        match acknowledged {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(false),
            Err(error) => Err(UnavailableError::new("write to a dead-letter stream")(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use hilum_events::{Resolution, samples};

    use super::*;

    fn letter(consumer: &str) -> DeadLetter {
        DeadLetter {
            consumer: consumer.to_owned(),
            stream_seq: 7,
            subject: String::new(),
            headers: BTreeMap::new(),
            payload: Vec::new(),
            tries: vec![Try::ended(
                Timestamp::now(),
                1,
                vec!["cannot send".to_owned(), "refused".to_owned()],
            )],
            service_version: String::new(),
            trace_id: None,
            parked_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_several_targets_get_has_a_dead_letter_for_each() {
        assert_eq!(letter("deliver-pacs-two").subject(), "dlq.deliver.pacs-two.7");
        assert_eq!(letter("infer-stat").subject(), "dlq.infer.7");
        assert_eq!(letter("dedupe").subject(), "dlq.dedupe.7");
    }

    #[test]
    fn a_delivery_that_is_given_up_is_told_with_its_target() {
        let report = samples::report_issued(1, &[], 0).event;
        let Some(Event::DeliveryFailed(failed)) = letter("deliver-pacs").fact(&report) else { panic!() };
        let told = (failed.target.as_str(), failed.attempt, failed.tries, failed.reason.as_str());
        assert_eq!(told, ("pacs", 1, 1, "cannot send: refused"));
        assert_eq!(letter("report").fact(&report), None);

        let decided = |resolution| samples::delivery_resolved(1, resolution, 0).event;
        let Some(Event::DeliveryFailed(again)) = letter("deliver-pacs").fact(&decided(Resolution::Redrive))
        else {
            panic!()
        };
        assert_eq!(again.attempt, 2, "the round that the redrive began");
        assert_eq!(letter("deliver-pacs").fact(&decided(Resolution::Discard)), None);
    }
}
