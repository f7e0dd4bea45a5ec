//! Work that not every worker of its consumers can do, such as readings by one model. A worker that lacks what a message
//! needs hands it over: its ticket waits in the need's own queue among the retries, and goes straight to a worker that has
//! it, as soon as there is one and however long that takes. It was not tried, so no try is counted, and it holds up nothing.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::consumer::{self, pull};
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::RawMessageErrorKind;
use futures::TryStreamExt as _;
use futures::future::BoxFuture;
use hilum_events::Sha256Digest;
use hilum_streams::{RETRIES, retry_consumer, tickets_for_need_filter};
use jiff::{SignedDuration, Timestamp};

use super::ticket::Ticket;
use crate::port::{Log, UnavailableError, timestamp};

/// In the metadata of a need's consumer: what people call it.
const NAME: &str = "hilum-need";
/// Between the name of a consumer and the key of a need, in the name of the need's consumer.
const FOR: &str = "-for-";
/// Digits of a hash that stand for a need in subjects.
const KEY_DIGITS: usize = 16;
/// A need's consumer that no worker asked for so long is removed by the server; the next worker that has it makes it anew. Its
/// tickets stay.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);
/// A worker with full hands has asked for no more, but was handed something within this time.
const BUSY_FOR: SignedDuration = SignedDuration::from_secs(300);

/// Something that some work needs and not all workers have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    name: String,
    key: String,
}

impl Need {
    /// What people call it, and what tells it from all others.
    pub fn new(name: impl Into<String>, identity: &str) -> Self {
        let mut key = Sha256Digest::of(identity.as_bytes()).to_string();
        key.truncate(KEY_DIGITS);
        Self { name: name.into(), key }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The durable consumer of what `consumer` hands out and this is needed for.
    pub(crate) fn consumer(&self, consumer: &str) -> String {
        format!("{consumer}{FOR}{}", self.key)
    }

    fn filter(&self, consumer: &str) -> String {
        tickets_for_need_filter(&self.key, consumer)
    }

    /// The subject has the form of those of other tickets, so that whoever looks for a retry of a message finds it.
    fn subject(&self, ticket: &Ticket) -> String {
        ticket.subject().for_need(&self.key)
    }
}

/// A need for which work waits and that no worker has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// What people call it.
    pub need: String,
    /// The consumer whose work it is, as declared.
    pub consumer: String,
    /// Messages that wait.
    pub waiting: u64,
    /// When the first of them was handed over.
    pub since: Option<Timestamp>,
    /// The subjects of their tickets begin with this; a message's position follows.
    tickets: String,
}

impl Unmet {
    /// What is missing, how much waits for it and for how long, as a sentence.
    pub fn sentence(&self, now: Timestamp) -> String {
        let Self { need, consumer, waiting, since, .. } = self;
        let first = since.map(|since| {
            format!(", the first since {since:.0} ({} s)", now.duration_since(since).as_secs().max(0))
        });
        format!("no worker has the {need}: {waiting} wait at {consumer}{}", first.unwrap_or_default())
    }
}

/// The needs whose consumers this process knows to be there.
#[derive(Debug, Default)]
pub(crate) struct KnownNeeds(Mutex<HashSet<String>>);

impl Log {
    /// Makes the consumer of a need, with the settings of the consumer of retries beside it; harmless when it is there.
    pub(crate) async fn ensure_need(&self, consumer: &str, need: &Need) -> Result<(), UnavailableError> {
        let stream = self.context.get_stream_no_info(RETRIES).await;
        let stream = stream.map_err(UnavailableError::new("open the stream of retries"))?;
        let pattern = stream.consumer_info(retry_consumer(consumer)).await.map_err(UnavailableError::new(
            "ask for a consumer of retries; apply the definitions of streams/ first",
        ))?;
        let config = pull::Config {
            durable_name: Some(need.consumer(consumer)),
            filter_subject: need.filter(consumer),
            ack_wait: pattern.config.ack_wait,
            max_deliver: pattern.config.max_deliver,
            max_ack_pending: pattern.config.max_ack_pending,
            inactive_threshold: FORGOTTEN_AFTER,
            metadata: [(NAME.to_owned(), need.name.clone())].into(),
            ..pull::Config::default()
        };
        stream.create_consumer(config).await.map_err(UnavailableError::new("make the consumer of a need"))?;
        Ok(())
    }

    /// Puts the ticket where workers that have the need take it; durable when this returns.
    pub(crate) async fn hand_over(
        &self,
        ticket: &Ticket,
        need: &Need,
        known: &KnownNeeds,
    ) -> Result<(), UnavailableError> {
        let consumer = need.consumer(&ticket.consumer);
        if !known.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&consumer) {
            self.ensure_need(&ticket.consumer, need).await?;
            known.0.lock().unwrap_or_else(PoisonError::into_inner).insert(consumer);
        }
        let message =
            PublishMessage::build().payload(ticket.encode()?.into()).expected_last_subject_sequence(0);
        let sent = self.context.send_publish(need.subject(ticket), message).await;
        let acknowledged = match sent {
            Ok(ack) => ack.await,
            Err(error) => Err(error),
        };
        match acknowledged {
            Ok(_) => Ok(()),
            // Its ticket waits there already.
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(()),
            Err(error) => Err(UnavailableError::new("hand over a message")(error)),
        }
    }

    /// The needs for which work waits and that no worker has.
    ///
    /// # Errors
    /// When the server is away.
    pub fn unmet_needs(&self) -> BoxFuture<'_, Result<Vec<Unmet>, UnavailableError>> {
        Box::pin(async move {
            const LOOK: &str = "look for work that no worker can do";
            let stream = self.context.get_stream_no_info(RETRIES).await;
            let stream = stream.map_err(UnavailableError::new("open the stream of retries"))?;
            let now = self.server_time().await?;
            let found: Vec<consumer::Info> =
                stream.consumers().try_collect().await.map_err(UnavailableError::new(LOOK))?;
            let mut unmet = Vec::new();
            for info in found {
                let Some(need) = info.config.metadata.get(NAME) else { continue };
                let waiting = info.num_pending + info.num_ack_pending as u64;
                if waiting == 0 || is_worked_at(&info, now) {
                    continue;
                }
                let filter = &info.config.filter_subject;
                let since = match stream.get_first_raw_message_by_subject(filter, 1).await {
                    Ok(first) => Some(timestamp(first.time.unix_timestamp_nanos())),
                    Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => continue,
                    Err(error) => return Err(UnavailableError::new(LOOK)(error)),
                };
                let consumer = info.name.rsplit_once(FOR).map_or("", |(consumer, _)| consumer).to_owned();
                let tickets = filter.trim_end_matches('>').to_owned();
                unmet.push(Unmet { need: need.clone(), consumer, waiting, since, tickets });
            }
            Ok(unmet)
        })
    }

    /// Whether the message at `stream_seq` is among what waits for a need.
    ///
    /// # Errors
    /// When the server is away.
    pub fn waits_for<'a>(
        &'a self,
        unmet: &'a Unmet,
        stream_seq: u64,
    ) -> BoxFuture<'a, Result<bool, UnavailableError>> {
        Box::pin(async move {
            let stream = self.context.get_stream_no_info(RETRIES).await;
            let stream = stream.map_err(UnavailableError::new("open the stream of retries"))?;
            match stream.get_last_raw_message_by_subject(&format!("{}{stream_seq}", unmet.tickets)).await {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(false),
                Err(error) => Err(UnavailableError::new("look for a ticket")(error)),
            }
        })
    }
}

/// Whether any worker asks for more, or has its hands full. What a worker had in hand when it ended counts as pending still.
fn is_worked_at(info: &consumer::Info, now: Timestamp) -> bool {
    let last_active = info.delivered.last_active.map(|at| timestamp(at.unix_timestamp_nanos()));
    let is_recent = |at: Timestamp| now.duration_since(at) < BUSY_FOR;
    info.num_waiting > 0 || (info.num_ack_pending > 0 && last_active.is_some_and(is_recent))
}

#[cfg(test)]
mod tests {
    use hilum_events::finds;
    use hilum_streams::TicketSubject;

    use super::*;

    #[test]
    fn needs_are_told_apart_by_their_identity_and_tickets_keep_their_form() {
        let (one, two) = (Need::new("model chest 2", "chest@2#a"), Need::new("model chest 2", "chest@2#b"));
        assert_ne!(one.consumer("infer-stat"), two.consumer("infer-stat"));
        let ticket = Ticket {
            consumer: "infer-stat".to_owned(),
            stream_seq: 7,
            event_id: None,
            tries: Vec::new(),
            unanswered: 0,
        };
        let subject = one.subject(&ticket);
        assert_eq!(TicketSubject::parse(&subject), Some(ticket.subject()));
        assert!(finds(&one.filter("infer-stat"), &subject) && !finds(&two.filter("infer-stat"), &subject));
    }
}
