//! Following the whole log in order, from a position that the follower keeps itself. Nothing is acknowledged
//! and nothing is lost: after any failure it goes on behind the last message it gave out.

use std::time::Duration;

use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::consumer::{DeliverPolicy, ReplayPolicy};
use async_nats::jetstream::message::Message;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};

use crate::connection::{Log, UnavailableError};
use crate::recorded::{Place, Recorded, timestamp};

/// After a reconnect the follower is opened again, rather than waiting for heartbeats to fail to come.
const LOOK_AT_CONNECTION_EVERY: Duration = Duration::from_secs(1);

/// Reads the log in order. Waits for the server whenever it is away.
pub struct Follower {
    log: Log,
    filters: Vec<String>,
    /// Whether only where facts stand is read, and not what they say.
    places_only: bool,
    after_seq: u64,
    messages: Option<Ordered>,
    connections: u64,
}

impl Log {
    /// Follows the facts under `filters` (all when empty) that stand behind position `after_seq`.
    pub fn follow(&self, after_seq: u64, filters: &[&str]) -> Follower {
        let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
        let log = self.clone();
        Follower { log, filters, places_only: false, after_seq, messages: None, connections: 0 }
    }

    /// As [`Log::follow`], where the subjects tell enough: the server leaves the facts out.
    pub(crate) fn follow_places(&self, after_seq: u64, filters: &[&str]) -> Follower {
        Follower { places_only: true, ..self.follow(after_seq, filters) }
    }
}

impl Follower {
    /// Waits for the next message. Cancel safe.
    #[allow(clippy::should_implement_trait, reason = "it ends never, and is awaited")]
    pub fn next(&mut self) -> BoxFuture<'_, Recorded> {
        Box::pin(async move {
            loop {
                match self.try_next().await {
                    Ok(recorded) => return recorded,
                    Err(error) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            after_seq = self.after_seq,
                            "cannot follow the event log; trying again"
                        );
                        self.messages = None;
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                }
            }
        })
    }

    /// Waits for one message and takes those that are there already, `max` at most. Cancel safe.
    pub fn next_batch(&mut self, max: usize) -> BoxFuture<'_, Vec<Recorded>> {
        Box::pin(async move {
            let mut batch = vec![self.next().await];
            while batch.len() < max {
                match self.try_next().now_or_never() {
                    Some(Ok(recorded)) => batch.push(recorded),
                    _ => break,
                }
            }
            batch
        })
    }

    async fn try_next(&mut self) -> Result<Recorded, UnavailableError> {
        let message = loop {
            let message = self.next_message().await?;
            if position_of(&message)? > self.after_seq {
                break message;
            }
            // When the client makes its consumer anew before the first message came, it forgets where to start.
            self.messages = None;
        };
        let info = message.info().map_err(UnavailableError::new("read a message's place"))?;
        let place = Place {
            seq: info.stream_sequence,
            subject: &message.subject,
            stored_at: timestamp(info.published.unix_timestamp_nanos()),
            pending: info.pending,
        };
        self.after_seq = info.stream_sequence;
        Ok(Recorded::new(place, message.headers.as_ref(), message.payload.clone()))
    }

    async fn next_message(&mut self) -> Result<Message, UnavailableError> {
        loop {
            if self.messages.is_none() || self.connections != self.log.connections() {
                self.connections = self.log.connections();
                let opened = open(&self.log, self.filters.clone(), self.places_only, self.after_seq).await;
                self.log.standing.note("follow the event log", &opened);
                self.messages = Some(opened?);
            }
            let messages = self.messages.as_mut().expect("opened above");
            match tokio::time::timeout(LOOK_AT_CONNECTION_EVERY, messages.next()).await {
                Ok(Some(message)) => {
                    return message.map_err(UnavailableError::new("read on in the event log"));
                }
                Ok(None) => self.messages = None,
                Err(_) => {}
            }
        }
    }
}

fn position_of(message: &Message) -> Result<u64, UnavailableError> {
    let info = message.info().map_err(UnavailableError::new("read a message's place"))?;
    Ok(info.stream_sequence)
}

/// Takes parts, not the follower: its stream of messages can't be shared between threads while this waits.
async fn open(
    log: &Log,
    filter_subjects: Vec<String>,
    headers_only: bool,
    after_seq: u64,
) -> Result<Ordered, UnavailableError> {
    let config = OrderedConfig {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after_seq + 1 },
        filter_subjects,
        headers_only,
        replay_policy: ReplayPolicy::Instant,
        ..OrderedConfig::default()
    };
    let consumer = log.events().await?.create_consumer(config).await;
    let consumer = consumer.map_err(UnavailableError::new("create a follower of the event log"))?;
    consumer.messages().await.map_err(UnavailableError::new("follow the event log"))
}
